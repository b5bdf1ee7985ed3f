"""A client that declares, amends and withdraws until it is cut off, and remembers every answer."""

from __future__ import annotations

import http.client
import random
import threading
from dataclasses import dataclass
from typing import Final

import msgspec

from bench import stored
from bench.api import Request, put
from bench.served import Client

_AMEND_SHARE, _WITHDRAW_SHARE = 0.3, 0.1
_SEED: Final = 15
_PLACES_MAX: Final = 1_000


class Record(msgspec.Struct):
    """What an answer tells of a version; the text of the item byte by byte."""

    item: msgspec.Raw
    version: int
    seq: int
    withdrawn: bool


class Changed(msgspec.Struct):
    record: Record


class History(msgspec.Struct):
    versions: list[Record]


@dataclass(frozen=True, slots=True)
class Written:
    """A write that was answered."""

    item_id: str
    request: Request
    version: int
    seq: int
    is_withdrawn: bool
    text: bytes


class Writer(threading.Thread):
    """Declares, amends and withdraws until it gets no answer."""

    def __init__(self, port: int, token: str, number: int, kill: int, first: threading.Event) -> None:
        super().__init__(name=f"writer-{number}")
        self.token = token
        self.answered: list[Written] = []
        self.pending: tuple[str, Request] | None = None
        self.fault: str | None = None
        self._port, self._number, self._kill, self._first = port, number, kill, first
        self._rng = random.Random(f"{_SEED} {kill} {number}")
        self._count = 0

    def run(self) -> None:
        client = Client(self._port, self.token)
        try:
            while self.fault is None:
                item_id, request = self.pending = self._next()
                self._note(item_id, request, *ask(client, request))
                self.pending = None
                self._first.set()
        except (OSError, http.client.HTTPException):
            pass  # it was killed
        finally:
            client.close()

    def _next(self) -> tuple[str, Request]:
        last, chance = self.answered[-1] if self.answered else None, self._rng.random()
        if last is not None and not last.is_withdrawn and chance < _AMEND_SHARE + _WITHDRAW_SHARE:
            path, condition = f"/v1/items/{last.item_id}", ("If-Match", f'"{last.version}"')
            if chance < _WITHDRAW_SHARE:
                return last.item_id, Request("DELETE", path, None, condition)
            body = stored.small_intent(last.item_id, self._place(), raised_m=1.0 + last.version % 100)
            return last.item_id, Request("PUT", path, body, condition)
        self._count += 1
        item_id = f"kill-{self._kill}-{self._number}-{self._count}"
        return item_id, put(item_id, stored.small_intent(item_id, self._place()))

    def _place(self) -> int:
        return (self._kill * 10 + self._number) * _PLACES_MAX + self._count % _PLACES_MAX

    def _note(self, item_id: str, request: Request, status: int, body: bytes) -> None:
        if status != request.status:
            self.fault = f"{request.method} {item_id} was answered with {status}: {body[:200]!r}"
            return
        told = msgspec.json.decode(body, type=Changed).record
        self.answered.append(
            Written(item_id, request, told.version, told.seq, told.withdrawn, bytes(told.item))
        )


def ask(client: Client, request: Request) -> tuple[int, bytes]:
    return client.ask(request.method, request.path, request.body, request.condition)
