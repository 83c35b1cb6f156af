"""The scorecard of one measure: the default one without the others.

The measure is active_share, the people with a core action in 28 days over the seats: of the measures of the catalogue
the nearest to a 28-day count. Caps, stages and bands stay: a scorecard has them.
"""

from importlib import resources
from typing import Any

import yaml

import scoring.scorecards

MEASURE = "active_share"


def one_measure() -> dict[str, Any]:
    """Its document."""
    text = resources.files(scoring.scorecards).joinpath("default.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    measure = {**document["measures"][MEASURE], "weights": 100}
    levels = {**document["adoption_levels"], "medium": {MEASURE: 0.25}, "high": {MEASURE: 0.6}}
    return {**document, "scorecard": "count", "measures": {MEASURE: measure}, "adoption_levels": levels}
