"""The elements of a picture: boxes, text, lines, and the document around them.

Text of others comes in through `isolated` only, which escapes it.
"""

from __future__ import annotations

import hashlib
import html
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from keepclear.codec.drawing.style import STYLE
from keepclear.codec.words import visible

IDENT: Final = "\x00"  # no text of others can hold it: it does not print


class Box(NamedTuple):
    """A rectangle in pixels, y downwards."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """The left, upper, right and lower edge."""
        return self.x, self.y, self.right, self.bottom

    @property
    def centre(self) -> tuple[float, float]:
        """The middle."""
        return self.x + self.width / 2.0, self.y + self.height / 2.0

    def grown(self, by_px: float) -> Box:
        """Return the box, larger by so much at each side."""
        return Box(self.x - by_px, self.y - by_px, self.width + 2.0 * by_px, self.height + 2.0 * by_px)


SMALL_PX: Final = 11.0
"""The size of the small text, class kc-s."""


def px(value: float) -> str:
    """Write pixels, to a tenth."""
    return f"{round(value, 1) + 0.0:g}" if abs(value) < 1e5 else f"{value:.0f}"


def coordinates(points: Iterable[Sequence[float]]) -> str:
    """Write points for a path."""
    return " ".join(f"{px(x)} {px(y)}" for x, y in points)


def text_element(x: float, y: float, content: str, classes: str = "kc-ink", anchor: str = "") -> str:
    """Write text; content is escaped already."""
    end = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{px(x)}" y="{px(y)}" class="{classes}"{end}>{content}</text>'


def line_element(x1: float, y1: float, x2: float, y2: float, classes: str) -> str:
    """Draw a line."""
    return f'<path class="{classes}" d="M{px(x1)} {px(y1)} {px(x2)} {px(y2)}"/>'


def rect_element(box: Box, classes: str, more: str = "") -> str:
    """Draw a rectangle."""
    size = f'width="{px(box.width)}" height="{px(box.height)}"'
    return f'<rect x="{px(box.x)}" y="{px(box.y)}" {size} class="{classes}"{more}/>'


def cut_to(box: Box, content: str) -> str:
    """Cut off what lies outside a box."""
    x, y, width, height = (px(value) for value in box)
    place = f'x="{x}" y="{y}" width="{width}" height="{height}"'
    return f'<svg {place} viewBox="{x} {y} {width} {height}">{content}</svg>'


def document(width: float, height: float, label: str, body: str, *, alone: bool) -> str:
    """Wrap up a picture. The patterns in it get ids that no other picture has, from its content."""
    ident = hashlib.sha256(body.encode()).hexdigest()[:10]
    style = f"<style>{STYLE}</style>" if alone else ""
    xmlns = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    return (
        f'<svg{xmlns} class="kc" role="img" aria-label="{label}" width="{px(width)}" height="{px(height)}"'
        f' viewBox="0 0 {px(width)} {px(height)}">{style}{body.replace(IDENT, f"kc{ident}-")}</svg>\n'
    )


def isolated(text: str, width_px: float | None = None) -> str:
    """Return text of others for SVG, cut to a width; text that may run right to left is isolated."""
    shown = visible(text)
    may_turn = not shown.isascii()
    if width_px is not None and text_width_px(shown) > width_px:
        while shown and text_width_px(shown) > width_px - 12.0:
            shown = shown[:-1]
        shown += "…"
    safe = html.escape(shown, quote=True)
    return f"\u2068{safe}\u2069" if may_turn else safe


def text_width_px(text: str, size_px: float = 12.0) -> float:
    """Estimate how wide text is; rather too wide."""
    ems = 0.0
    for c in text:
        if unicodedata.combining(c) or not c.isprintable():
            continue
        wide = unicodedata.east_asian_width(c) in "WF"
        ems += 1.0 if wide else 0.72 if c.isupper() else 0.34 if c in "il.,:;'|! " else 0.58
    return ems * size_px


def wrapped(text: str, width_px: float) -> list[str]:
    """Break small text into lines of a width."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and text_width_px(longer, SMALL_PX) > width_px:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line]
