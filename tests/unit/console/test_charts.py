"""Charts from known values."""

import itertools
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest

from console.charts.score_line import Labels, Point, score_line
from console.charts.shapes import at
from console.charts.waterfall import waterfall

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LABELS = Labels("From <b> & so on", "Green from 75", "Yellow from 50", "Red", "45.9", lambda moment: f"{moment:%b}")
SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(str(svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def line(scores: list[float], corrected: int = 0, marks: list[int] | None = None, width: int = 560) -> ET.Element:
    points = [
        Point(NOW - timedelta(days=len(scores) - 1 - index), score, index < corrected)
        for index, score in enumerate(scores)
    ]
    moments = [NOW - timedelta(days=back) for back in marks or []]
    return parsed(score_line(points, moments, "red", LABELS, width=width, name="line"))


def numbers(text: str) -> list[float]:
    return [float(each) for each in re.findall(r"-?\d+\.?\d*", text)]


def test_a_line_goes_from_the_left_edge_to_the_right_one() -> None:
    (path,) = [each for each in line([80.0, 60.0, 45.9]).iter(f"{SVG}path") if each.get("class") == "score"]

    coordinates = numbers(path.get("d", ""))
    assert coordinates[0] == 8
    assert coordinates[-2] == 560 - 56
    assert coordinates[1] < coordinates[3] < coordinates[5]  # lower scores stand lower


def test_a_score_on_the_boundary_lies_on_the_line_between_two_zones() -> None:
    svg = line([75.0, 75.0])

    (path,) = [each for each in svg.iter(f"{SVG}path") if each.get("class") == "score"]
    (zone,) = [each for each in svg.iter(f"{SVG}rect") if each.get("class") == "zone-yellow"]
    assert numbers(path.get("d", ""))[1] == pytest.approx(float(zone.get("y", "0")), abs=0.1)


def test_the_axis_reaches_down_to_where_the_line_goes() -> None:
    (zone,) = [each for each in line([80.0, 5.0]).iter(f"{SVG}rect") if each.get("class") == "zone-red"]
    (usual,) = [each for each in line([80.0, 45.0]).iter(f"{SVG}rect") if each.get("class") == "zone-red"]

    assert float(zone.get("height", "0")) > float(usual.get("height", "0"))


def test_computed_days_are_a_thin_line_that_ends_where_the_recorded_ones_begin() -> None:
    svg = line([70.0, 71.0, 72.0, 60.0], corrected=2)

    (thin,) = [each for each in svg.iter(f"{SVG}path") if each.get("class") == "calc"]
    (solid,) = [each for each in svg.iter(f"{SVG}path") if each.get("class") == "score"]
    assert numbers(thin.get("d", ""))[-2:] == numbers(solid.get("d", ""))[:2]


def test_markers_are_numbered_in_order_and_do_not_overlap() -> None:
    svg = line([60.0] * 60, marks=[30, 1, 1, 0, 0])

    boxes = [float(each.get("x", "0")) for each in svg.iter(f"{SVG}rect") if each.get("class") == "mkb"]
    names = [each.text for each in svg.iter(f"{SVG}text") if each.get("class") == "mkt"]
    assert names == ["1", "2", "3", "4", "5"]
    assert all(right - left >= 16.9 for left, right in itertools.pairwise(boxes))
    assert boxes[-1] + 15 <= 560


def test_the_title_tells_the_finding_and_is_escaped() -> None:
    svg = line([60.0, 50.0], width=340)

    title = svg.find(f"{SVG}title")
    assert title is not None
    assert title.text == "From <b> & so on"
    assert svg.get("aria-labelledby") == title.get("id")


def test_one_score_is_a_shape_without_a_line() -> None:
    svg = line([45.9])

    assert [each.get("class") for each in svg.iter(f"{SVG}use")] == ["red"]
    assert not [each for each in svg.iter(f"{SVG}path") if each.get("class") == "score"]


def test_a_line_without_points_is_refused() -> None:
    with pytest.raises(ValueError, match="point"):
        score_line([], [], "red", LABELS, width=560, name="line")


@pytest.mark.parametrize("width", [560, 340])
def test_a_chart_holds_no_style_and_no_script(width: int) -> None:
    svg = line([60.0, 50.0, 40.0], corrected=1, marks=[1], width=width)

    assert not [each for each in svg.iter() if "style" in each.attrib or each.tag in (f"{SVG}style", f"{SVG}script")]


def test_each_bar_of_the_waterfall_starts_where_the_last_one_ended() -> None:
    first, fall, rise, last = waterfall(75.0, [-20.0, 5.0], "yellow")

    (down,) = parsed(fall).iter(f"{SVG}rect")
    (up,) = parsed(rise).iter(f"{SVG}rect")
    assert down.get("class") == "down"
    assert up.get("class") == "up"
    assert float(down.get("x", "0")) == pytest.approx(float(up.get("x", "0")))
    assert "tick" in first
    assert "yellow" in last


def test_a_step_of_nothing_has_no_bar() -> None:
    _, quiet, _ = waterfall(75.0, [0.0], "green")

    assert "<rect" not in quiet


@pytest.mark.parametrize(("value", "shown"), [(1.0, "1"), (1.26, "1.3"), (-0.01, "0"), (-3.04, "-3")])
def test_coordinates_are_short(value: float, shown: str) -> None:
    assert at(value) == shown
