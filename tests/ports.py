"""Ports for nodes whose address must be known before they listen."""

from __future__ import annotations

import itertools
import os
import socket
from typing import Final

_FIRST: Final = 10_000
_COUNT: Final = 20_000
"""All below those that systems give to connections, which could take a port before its node does."""
_next = itertools.count(os.getpid() * 97)  # processes of tests begin in places of their own


def free_port() -> int:
    """Return a port on which nobody listens; no other call in this process returns it soon."""
    for number in itertools.islice(_next, _COUNT):
        port = _FIRST + number % _COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("every port is taken")
