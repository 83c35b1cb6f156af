"""Numbers and text as SVG wants them."""

from html import escape

from csmodels.fields import Band


def at(value: float) -> str:
    """A coordinate with one decimal at most."""
    return (
        f"{value:.1f}".removesuffix(".0").replace("-0", "0") if abs(value) < 0.05 else f"{value:.1f}".removesuffix(".0")
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "") -> str:
    """A text; kind is its class."""
    classes = f' class="{kind}"' if kind else ""
    anchored = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text{classes} x="{at(x)}" y="{at(y)}"{anchored}>{escape(words)}</text>'


def rect(x: float, y: float, width: float, height: float, kind: str, more: str = "") -> str:
    """A rectangle; kind is its class."""
    size = f'width="{at(width)}" height="{at(height)}"'
    return f'<rect class="{kind}" x="{at(x)}" y="{at(y)}" {size}{more}/>'


def shape(band: Band, x: float, y: float, size: float) -> str:
    """The band's shape, centred at a point."""
    corner = f'x="{at(x - size / 2)}" y="{at(y - size / 2)}" width="{at(size)}" height="{at(size)}"'
    return f'<use class="{band}" href="#s-{band}" {corner}/>'


def polyline(points: list[tuple[float, float]], kind: str) -> str:
    """A line through points; kind is its class."""
    path = "L".join(f"{at(x)} {at(y)}" for x, y in points)
    return f'<path class="{kind}" d="M{path}"/>'
