"""Parties that all tests here know; their keys are made once."""

from __future__ import annotations

import pytest

from tests.adapters.federation.nodes import Identity, identity


@pytest.fixture(scope="session")
def north(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("north"), "north", 1)


@pytest.fixture(scope="session")
def south(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("south"), "south", 2)


@pytest.fixture(scope="session")
def east(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("east"), "east", 3)
