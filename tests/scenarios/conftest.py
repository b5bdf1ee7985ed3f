"""Scenarios run in an empty folder, with nothing in the environment, and passphrases that take no time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def workplace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Lock keys by a hash that takes no time, and link nodes at once: both would be most of a test."""
    for variable in [name for name in os.environ if name.startswith("KEEPCLEAR_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setattr("keepclear.adapters.keys._SCRYPT_N", 2)
    monkeypatch.setattr("keepclear.adapters.federation.federation.PINS_EVERY_S", 0.05)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
