"""The texts of the console as the tests read them."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Final

LANGUAGES: Final = ("en", "ru", "ar")
CATALOGUES: Final = files("keepclear.console") / "static" / "locales"

Catalogue = dict[str, str | dict[str, str]]


def catalogue(language: str) -> Catalogue:
    """Return the texts of a language; a value is a text, or texts by plural category."""
    texts: Catalogue = json.loads((CATALOGUES / f"{language}.json").read_text(encoding="utf-8"))
    return texts
