"""The scorecards that ship with scoring, as YAML documents."""

from importlib import resources

import yaml

from scoring.domain.parsing import parse_scorecard
from scoring.domain.scorecard import Scorecard


def built_in() -> tuple[Scorecard, ...]:
    """The built-in scorecards; the first one is in force where no other was applied."""
    document = resources.files(__name__).joinpath("foundation.yaml").read_text(encoding="utf-8")
    return (parse_scorecard(yaml.safe_load(document)),)
