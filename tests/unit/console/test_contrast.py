"""The colours of the style sheet, by WCAG 2: text 4.5 at least, shapes and borders 3."""

import re
from importlib import resources

import pytest

_TOKEN = re.compile(r"--([a-z0-9-]+):light-dark\((#[0-9a-f]{3,6}),(#[0-9a-f]{3,6})\)")
_CSS = resources.files("console").joinpath("static", "console.css").read_text(encoding="utf-8")
_THEMES = {
    "light": {name: light for name, light, _ in _TOKEN.findall(_CSS)},
    "dark": {name: dark for name, _, dark in _TOKEN.findall(_CSS)},
}


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        (text, ground)
        for text in ("text", "text-2", "text-3", "accent", "red", "yellow", "green", "grey")
        for ground in ("bg", "surface")
    ]
    + [(text, "sunken") for text in ("text", "text-2", "text-3")]
    + [(band, f"{band}-soft") for band in ("red", "yellow", "green", "grey")]
    + [("on-accent", "accent"), ("accent", "accent-soft"), ("surface", "text")],
)
def test_text_can_be_read(theme: str, text: str, ground: str) -> None:
    tokens = _THEMES[theme]

    assert contrast(tokens[text], tokens[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("shape", ["red-fill", "yellow-fill", "green-fill", "grey-fill", "control"])
def test_shapes_and_borders_can_be_seen(theme: str, shape: str) -> None:
    tokens = _THEMES[theme]

    assert contrast(tokens[shape], tokens["surface"]) >= 3.0
    assert contrast(tokens[shape], tokens["bg"]) >= 3.0


def test_the_measure_is_the_one_of_the_standard() -> None:
    assert contrast("#fff", "#000000") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
