"""A node for each test, and the description that every answer is held against."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.http.served import Described, Served, serving
from tests.adapters.http.spoken import Talk, talking


@pytest.fixture(scope="session")
def described(tmp_path_factory: pytest.TempPathFactory) -> Described:
    """Return the description of the API, as a node tells it."""
    with serving(tmp_path_factory.mktemp("described"), Described({"paths": {}})) as served:
        return Described(json.loads(served.client.get("/v1/openapi.json").content))


@pytest.fixture
def talk(tmp_path: Path, described: Described) -> Iterator[Talk]:
    """Serve a node with keys, which knows another party."""
    with talking(tmp_path, described) as talk:
        yield talk


@pytest.fixture
def served(tmp_path: Path, described: Described) -> Iterator[Served]:
    """Serve a node that records conflicts."""
    with serving(tmp_path, described) as served:
        yield served
