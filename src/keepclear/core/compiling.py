"""How functions are compiled by numba; imported only where numba is installed and worth its start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])

_FREEDOM: Final = {"nnan", "nsz", "contract"}


def compiled(function: _Function) -> _Function:
    """Compile a function so that it computes just what it says, to the last digit."""
    return _compiled(function, set())


def compiled_freely(function: _Function) -> _Function:
    """Compile a function that has margins for rounding, and in which no number is NaN."""
    return _compiled(function, _FREEDOM)


def _compiled(function: _Function, freedom: set[str]) -> _Function:
    try:
        made = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=freedom)(function)
    except RuntimeError:  # no folder for the cache can be written: compile anew in each process
        made = numba.njit(nogil=True, error_model="numpy", fastmath=freedom)(function)
    return cast(_Function, made)
