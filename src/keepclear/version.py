"""Which version this is."""

from typing import Final

VERSION: Final = "0.1.0"
"""The version, as in pyproject.toml."""
