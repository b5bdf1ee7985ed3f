"""The colours of the pictures, on light and on dark, and the style sheet that holds them."""

from __future__ import annotations

from typing import Final

# Okabe and Ito's colours, in an order that keeps the first ones far apart: on light, on dark, and
# whether a letter on it is white on light. The last is for items without a party.
COLOURS: Final = (
    ("#0072b2", "#4aa3df", True),
    ("#e69f00", "#e69f00", False),
    ("#009e73", "#26bd93", False),
    ("#cc79a7", "#d993ba", False),
    ("#56b4e9", "#8fd0f5", False),
    ("#d55e00", "#f07f2b", False),
    ("#c9b800", "#f0e442", False),
    ("#3d4650", "#c3ccd5", True),
    ("#76818c", "#98a4b0", True),
)
NO_PARTY_COLOUR: Final = len(COLOURS) - 1


# Rules without variables, so that programs other than browsers can draw it too.
_INK: Final = {  # class and property: on light, on dark
    ("bg", "fill"): ("#ffffff", "#14191f"),
    ("plot", "fill"): ("#f7f9fa", "#1a2129"),
    ("ink", "fill"): ("#1c2530", "#e6ebf0"),
    ("dim", "fill"): ("#56626f", "#a3afbb"),
    ("halo", "stroke"): ("#ffffff", "#14191f"),
    ("grid", "stroke"): ("#dde3e8", "#2c3640"),
    ("frame", "stroke"): ("#9aa6b2", "#5a6773"),
    ("rule", "stroke"): ("#1c2530", "#e6ebf0"),
    ("bad", "fill"): ("#b00020", "#ff6b6b"),
    ("bad-line", "stroke"): ("#b00020", "#ff6b6b"),
    ("warn", "fill"): ("#8a5a00", "#f2b84b"),
    ("good", "fill"): ("#00704f", "#3ecf9f"),
    ("disc", "fill"): ("#b00020", "#ff6b6b"),
    ("disc", "stroke"): ("#ffffff", "#14191f"),
    ("disc-text", "fill"): ("#ffffff", "#14191f"),
    ("kite", "fill"): ("#ffd24d", "#ffd24d"),
    ("kite", "stroke"): ("#1c2530", "#14191f"),
    ("ring", "fill"): ("#ffffff", "#14191f"),
    ("ring", "stroke"): ("#1c2530", "#e6ebf0"),
    ("on", "fill"): ("#10151a", "#10151a"),
    ("mark", "stroke"): ("#ffffff", "#14191f"),
}


def _style_sheet() -> str:
    fixed = (
        '.kc{font-family:system-ui,-apple-system,"Segoe UI","Noto Sans",sans-serif;font-size:12px;'
        "font-variant-numeric:tabular-nums}"
        ".kc .kc-s{font-size:11px}.kc .kc-b{font-weight:600}.kc .kc-big{font-size:16px;font-weight:700}"
        ".kc-grid,.kc-frame,.kc-rule,.kc-bad-line{fill:none}.kc-bad-line{stroke-width:1.5}"
        ".kc-halo{paint-order:stroke;stroke-width:3px;stroke-linejoin:round}"
        ".kc-op{fill:currentColor;fill-opacity:.17;stroke:currentColor;stroke-width:1.5;stroke-linejoin:round}"
        ".kc-zone{stroke:currentColor;stroke-width:1.8;stroke-linejoin:round}"
        ".kc-second{stroke-dasharray:6 3}.kc-faint{fill:none;stroke:currentColor;stroke-opacity:.5}"
        ".kc-line{fill:none;stroke:currentColor;stroke-width:2}"
        ".kc-hatch{fill:none;stroke:currentColor;stroke-width:1.3;stroke-opacity:.75}"
        ".kc-dots{fill:currentColor;fill-opacity:.85}"
        ".kc-mark{fill:currentColor;stroke-width:1.2}.kc-on{font-size:10px;font-weight:700;text-anchor:middle}"
        ".kc-disc,.kc-kite,.kc-ring{stroke-width:1.6}.kc-ring{stroke-dasharray:3 2}"
        ".kc-number{font-size:10.5px;font-weight:700;text-anchor:middle}"
        ".kc-over{fill-opacity:.3}.kc-rest{opacity:.4}.kc-each{display:none}"
        ".kc-now .kc-each{display:inline}.kc-now .kc-all{display:none}"
    )
    return fixed + _colours(0) + f"@media screen and (prefers-color-scheme:dark){{{_colours(1)}}}"


def _colours(dark: int) -> str:
    rules = [f".kc-{name}{{{what}:{colours[dark]}}}" for (name, what), colours in _INK.items()]
    for number, colour in enumerate(COLOURS):
        rules.append(f".kc-c{number}{{color:{colour[dark]}}}")
        if colour[2]:
            rules.append(f".kc-c{number} .kc-on{{fill:{'#10151a' if dark else '#fff'}}}")
    return "".join(rules)


STYLE: Final = _style_sheet()
"""The style sheet of the pictures, for a page that shows many of them."""
