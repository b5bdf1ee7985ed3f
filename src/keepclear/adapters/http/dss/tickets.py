"""Tickets: either what was asked is done and told, or nothing of it is done."""

from __future__ import annotations

import threading


class CallableOff:
    """A ticket that whoever waits may call off, until the store has claimed it."""

    def __init__(self) -> None:
        self._door = threading.Lock()
        self._is_claimed = self._is_off = False

    def claim(self) -> bool:
        """Take what was done as wanted; False if it was called off."""
        with self._door:
            self._is_claimed = not self._is_off
            return self._is_claimed

    def call_off(self) -> bool:
        """Want it no longer; False if that came too late, and then it is done."""
        with self._door:
            self._is_off = not self._is_claimed
            return self._is_off
