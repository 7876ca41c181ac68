"""Charts as SVG: vectors, readable in black and white, each with its text for those who do not see it.

Pure. Colours are greys and hatchings; a number stands wherever the shade alone would have to tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from xml.sax.saxutils import escape

from monitor.report.model import Chart

_FONT = "'Liberation Serif', 'Times New Roman', serif"
_NOTHING = (
    '<pattern id="nothing" width="4" height="4" patternUnits="userSpaceOnUse">'
    '<path d="M0 4 L4 0" stroke="#888" stroke-width="0.6"/></pattern>'
)


def _svg(width: int, height: int, body: Sequence[str], alt: str) -> Chart:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head += f' font-family="{_FONT}" font-size="8" role="img" aria-label={_quoted(alt)}><title>{escape(alt)}</title>'
    return Chart(f"{head}<defs>{_NOTHING}</defs>{''.join(body)}</svg>", width, height, alt)


def _quoted(text: str) -> str:
    return '"' + escape(text, {'"': "&quot;"}) + '"'


def _text(x: float, y: float, said: str, anchor: str = "middle", fill: str = "#000") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{fill}">{escape(said)}</text>'


def _rect(x: float, y: float, width: float, height: float, fill: str, stroke: str = "#999") -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}" stroke="{stroke}" '
        'stroke-width="0.3"/>'
    )


SHADES = ("#ffffff", "#dddddd", "#aaaaaa", "#666666", "#000000")
"""From nothing to most; the steps are at least twice as dark, so that a copier keeps them apart."""

LIMITS = (0, 60, 300, 1800)
"""Down seconds above which an hour gets the next shade."""


def shade(seconds: int) -> str:
    """By down seconds of all systems in that hour."""
    return SHADES[sum(seconds > limit for limit in LIMITS)]


def heat_map(
    rows: Sequence[tuple[str, Sequence[int], Sequence[int]]], legend: Sequence[str], nothing: str, alt: str
) -> Chart:
    """Days (or weekdays) by the hours of the day. A row: label, down seconds and observed seconds of each hour.

    An hour in which nothing was observed is hatched. `legend` names the shades, in order.
    """
    left, top, width, height = 52, 14, 17, 10
    body = [_text(left + width * (hour + 0.5), 10, str(hour)) for hour in range(24)]
    for number, (label, down, observed) in enumerate(rows):
        y = top + height * number
        body.append(_text(left - 4, y + 8, label, "end"))
        for hour in range(24):
            fill = shade(down[hour]) if observed[hour] > 0 else "url(#nothing)"
            body.append(_rect(left + width * hour, y, width, height, fill))
    y, x = top + height * len(rows) + 8, left
    for fill, said in [*zip(SHADES, legend, strict=True), ("url(#nothing)", nothing)]:
        body += [_rect(x, y, 10, 8, fill), _text(x + 13, y + 7, said, "start")]
        x += 22 + 4 * len(said)
    return _svg(left + width * 24 + 4, y + 14, body, alt)


def bars(values: Sequence[int], labels: Sequence[str], written: Sequence[str], alt: str) -> Chart:
    """One bar a value, its number above it."""
    left, top, height, wide = 6, 14, 90, 18
    most = max(values, default=0)
    body = []
    for number, value in enumerate(values):
        x, high = left + wide * number, height * value / most if most else 0.0
        body.append(_rect(x + 2, top + height - high, wide - 4, high, "#777777", "#000"))
        body.append(_text(x + wide / 2, top + height - high - 2, written[number] if value else ""))
        body.append(_text(x + wide / 2, top + height + 9, labels[number]))
    right = left + wide * len(values)
    body.append(f'<path d="M{left} {top + height} H{right}" stroke="#000" stroke-width="0.6"/>')
    return _svg(right + 6, top + height + 14, body, alt)


def months(values: Sequence[Fraction | None], labels: Sequence[str], written: Sequence[str], alt: str) -> Chart:
    """Availability month by month: a point and its number each; a month that was not closed is a gap.

    The axis begins at the whole percent below the lowest point, and that is written: small differences show, and
    nobody takes them for large ones.
    """
    known = [value for value in values if value is not None]
    low = Fraction(min(99, int(min(known) * 100) - (min(known) < 1)), 100) if known else Fraction(99, 100)
    low = max(Fraction(0), low)
    left, top, height, wide = 34, 16, 80, 34

    def y_of(value: Fraction) -> float:
        return float(top + height * (1 - (value - low) / (1 - low)))

    body = [_text(left - 3, top + 3, "100%", "end"), _text(left - 3, top + height + 3, f"{int(low * 100)}%", "end")]
    right = left + wide * len(values)
    body += [f'<path d="M{left} {y} H{right}" stroke="#999" stroke-width="0.4"/>' for y in (top, top + height)]
    before: tuple[float, float] | None = None
    for number, value in enumerate(values):
        x = left + wide * (number + 0.5)
        body.append(_text(x, top + height + 11, labels[number]))
        if value is None:
            body.append(_rect(left + wide * number + 2, top, wide - 4, height, "url(#nothing)", "none"))
            before = None
            continue
        here = (x, y_of(value))
        if before:
            line = f'<path d="M{before[0]:g} {before[1]:.2f} L{here[0]:g} {here[1]:.2f}" stroke="#000"/>'
            body.append(line)
        body.append(f'<circle cx="{x:g}" cy="{here[1]:.2f}" r="2"/>')
        body.append(_text(x, here[1] - 4, written[number]))
        before = here
    return _svg(right + 6, top + height + 16, body, alt)


def sparkline(values: Sequence[Fraction | None], alt: str) -> Chart:
    """Availability of some months in the size of a word; a gap where there is none. No axis: beside it are numbers."""
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (Fraction(0), Fraction(1))
    width, height, step = 42, 12, 3.5
    body, path = [f'<path d="M0 {height} H{width}" stroke="#bbb" stroke-width="0.4"/>'], ""
    for number, value in enumerate(values):
        if value is None:
            path += " "
            continue
        x, y = step * number + 2, float(10 - 8 * (value - low) / (high - low)) if high > low else 2.0
        path += f"{'L' if path and path[-1] != ' ' else 'M'}{x:g} {y:.1f}"
        body.append(f'<circle cx="{x:g}" cy="{y:.1f}" r="0.9"/>')
    if path.strip():
        body.append(f'<path d="{path.strip()}" fill="none" stroke="#000" stroke-width="0.8"/>')
    return _svg(width, height + 1, body, alt)
