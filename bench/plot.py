"""The plot of a run as SVG: a bar for each contender and operation, on a scale of powers of ten."""

import math
from html import escape

from bench.figures import Figures, Spread, shown

_SHOWN = {
    "check": "token checks a second",
    "login": "logins a second",
    "refresh": "refreshes a second",
}
_LEFT, _WIDTH, _ROW, _GAP = 230, 420, 18, 30


def bars(figures: Figures) -> str:
    """One group of bars for each of the main operations, and for the latency in the storm."""
    groups = [
        (title, {name: Spread.of(figures.rate(which, name)) for name in figures.measured[which]})
        for which, title in _SHOWN.items()
    ]
    storm = {name: Spread.of(figures.p99("storm", name)) for name in figures.measured["storm"]}
    groups.append(
        ("99th per cent of a token check in a storm of logins, ms (less is better)", storm)
    )
    parts: list[str] = []
    parts.append(_text(10, 20, "Each thin line stands for ten times as much as the one before."))
    top = 36
    for title, values in groups:
        parts.append(_text(10, top + 14, title, bold=True))
        top += 22
        largest = max(each.high for each in values.values())
        parts += _tenfold(top, len(values) * _ROW, largest)
        for name, value in values.items():
            parts += _bar(top, name, value, largest)
            top += _ROW
        top += _GAP
    frame = f'xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 160}" height="{top}"'
    style = "<style>text{font:12px sans-serif;fill:#222}.b{font-weight:bold}</style>"
    ground = '<rect width="100%" height="100%" fill="#fff"/>'
    return f"<svg {frame}>{style}{ground}{''.join(parts)}</svg>\n"


def _tenfold(top: int, height: int, largest: float) -> list[str]:
    """A line at 1, at 10, at 100, as far as the values reach."""
    powers = range(math.floor(math.log10(largest)) + 1)
    places = (_LEFT + _WIDTH * _share(10.0**power, largest) for power in powers)
    return [
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 4}" y2="{top + height}" stroke="#bbb"/>'
        for x in places
    ]


def _bar(top: int, name: str, value: Spread, largest: float) -> list[str]:
    colour = "#1f6f8b" if name.startswith("denglu") else "#c9b79c"
    colour = "#d8dde0" if name.startswith("bare") else colour
    width = _WIDTH * _share(value.middle, largest)
    low, high = (_LEFT + _WIDTH * _share(each, largest) for each in (value.low, value.high))
    middle = top + _ROW / 2 - 2
    return [
        _text(10, top + 11, name),
        f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_ROW - 4}" fill="{colour}"/>',
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke="#222"/>',
        _text(_LEFT + max(width, high - _LEFT) + 6, top + 11, shown(value.middle)),
    ]


def _share(value: float, largest: float) -> float:
    """The place on a scale that begins at 0.1."""
    return max(0.0, (math.log10(max(value, 0.1)) + 1) / (math.log10(largest) + 1))


def _text(x: float, y: float, words: str, *, bold: bool = False) -> str:
    kind = ' class="b"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{kind}>{escape(words)}</text>'
