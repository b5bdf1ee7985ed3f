"""The page on feeds tells every format, every option and every state."""

from __future__ import annotations

import re
from pathlib import Path

from keepclear.adapters.feeds.formats import FORMATS
from keepclear.adapters.feeds.options import COMMON_OPTIONS, OPTIONS
from keepclear.core.feed_health import FeedState

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "feeds.md").read_text(encoding="utf-8")
NAMED = " ".join(re.findall(r"`([^`\n]+)`", PAGE))


def test_every_format_and_every_option_and_every_state_is_told() -> None:
    words = set(re.findall(r"\w+", NAMED))
    assert set(FORMATS) <= words
    assert {option for options in (COMMON_OPTIONS, *OPTIONS.values()) for option in options} <= words
    assert {state.value for state in FeedState} <= words
    assert {each.suffix for each in FORMATS.values() if each.suffix} <= set(re.findall(r"\.\w+", NAMED))
