"""Scorecards as YAML: the built-in ones, and reading with errors that tell line and column."""

from importlib import resources

from scoring.domain.scorecard import Scorecard
from scoring.scorecards.reading import MisplacedDocument, load

__all__ = ["MisplacedDocument", "built_in", "default_text", "load"]


def default_text() -> str:
    """The default scorecard as it ships, with its comments."""
    return resources.files(__name__).joinpath("default.yaml").read_text(encoding="utf-8")


def built_in() -> tuple[Scorecard, ...]:
    """The built-in scorecards; the first one is in force where no other was applied."""
    return (load(default_text()),)
