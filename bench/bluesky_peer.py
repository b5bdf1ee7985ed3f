"""A peer: the state-based conflict detection of BlueSky, the open air traffic simulator, in C++.

It is one compiled module that needs numpy only, while the simulator round it needs a dozen packages more.
So the wheel alone is installed, with hashes, into a folder of its own under build/, when it is first asked
for; nothing of it gets into the environment of Keepclear (see docs/adr/0019-...). The module runs in this
process, on the same arrays: its CPU time is taken by the same clock as ours.

It takes the earth as flat between two aircraft, and holds each against each, twice.

Source:
    https://pypi.org/project/bluesky-simulator, 1.1.1, MIT; `bluesky.traffic.asas.cstatebased`.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final

import numpy as np

from bench.served import ROOT
from bench.wheels import UnavailableError, install
from keepclear.core.encounters import Minima
from keepclear.core.motions import TrackArrays

VERSION: Final = "1.1.1"
FOLDER: Final = ROOT / "build" / "bench" / f"bluesky-simulator-{VERSION}"

_REQUIREMENTS: Final = ROOT / "requirements" / "bench-bluesky.txt"
_MODULE: Final = "cstatebased"
_WITHIN: Final = Path("bluesky", "traffic", "asas")

Detect = Callable[[], Any]
"""Runs the detection; what it answers is read by `pairs_of`."""


def load() -> ModuleType:
    """Return the peer's module; install it before, if it is not there.

    Raises:
        UnavailableError: It has no wheel for this Python, or it cannot be fetched or loaded.
    """
    path = _file() or _installed()
    spec = importlib.util.spec_from_file_location(_MODULE, path)
    if spec is None or spec.loader is None:
        raise UnavailableError(f"{path} is no module of this Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        raise UnavailableError(f"{path.name} cannot be loaded: {error}") from error
    return module


def detection(module: ModuleType, tracks: TrackArrays, minima: Minima) -> Detect:
    """Return what runs the peer on the columns of a picture, with nothing left to prepare."""
    n = len(tracks)
    traffic = SimpleNamespace(
        ntraf=n,
        id=list(range(n)),
        lat=tracks.latitude_deg,
        lon=tracks.longitude_deg,
        trk=tracks.track_deg,
        gs=tracks.ground_speed_mps,
        alt=tracks.altitude_m,
        vs=tracks.vertical_rate_mps,
    )
    limits = [np.full(n, limit) for limit in (minima.lateral_m, minima.vertical_m, minima.lookahead_s)]
    return lambda: module.detect(traffic, traffic, *limits)


def pairs_of(answer: Any) -> set[tuple[int, int]]:
    """Return the pairs in an answer, each once; the peer tells most of them from either side."""
    return {(min(pair), max(pair)) for pair in answer[0]}


def _file() -> Path | None:
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = FOLDER / _WITHIN / (_MODULE + suffix)
        if path.exists():
            return path
    return None


def _installed() -> Path:
    install(FOLDER, _REQUIREMENTS)
    path = _file()
    if path is None:
        raise UnavailableError("its wheel holds no compiled module for this Python")
    return path
