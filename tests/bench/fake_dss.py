"""A tiny service that answers as a Discovery and Synchronization Service does, with faults on demand.

It compares heights, times and boxes only: all that the benchmarks ask of it meets so, or not at all.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

import msgspec


class Held(NamedTuple):
    manager: str
    ovn: str
    state: str
    request: bytes
    box: tuple[float, ...]


@dataclass
class Kept:
    """What outlives a service that is killed.

    Attributes:
        intents: By id.
        gone: The path of the last deletion of each id.
        lets_in: Whether what conflicts is accepted.
        forgets: Whether every tenth change is answered and not kept.
    """

    intents: dict[str, Held] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    lets_in: bool = False
    forgets: bool = False
    changes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, body: bytes, manager: str) -> tuple[int, object]:
        kind, entity_id, *ovn = path.removeprefix("/dss/v1/").split("/")
        if kind == "subscriptions":
            return 200, {}
        with self.lock:
            there = self.intents.get(entity_id)
            if method == "GET":
                return (404, {}) if there is None else (200, told(entity_id, there))
            if method == "DELETE":
                return self._delete(entity_id, path)
            if there is not None and (not ovn or ovn[0] != there.ovn):
                is_repeat = there.request == path.encode() + body and there.manager == manager
                return (200 if ovn else 201, told(entity_id, there)) if is_repeat else (409, {})
            return self._put(entity_id, path, body, manager)

    def _put(self, entity_id: str, path: str, body: bytes, manager: str) -> tuple[int, object]:
        asked = msgspec.json.decode(body)
        box = box_of(asked["extents"])
        missing = [
            {"id": other, "ovn": held.ovn if held.manager == manager else "Available from USS"}
            for other, held in self.intents.items()
            if other != entity_id and meets(held.box, box) and held.ovn not in asked["key"]
        ]
        if missing and not self.lets_in:
            return 409, {"missing_operational_intents": missing}
        held = Held(manager, secrets.token_hex(16), asked["state"], path.encode() + body, box)
        created = entity_id not in self.intents
        self.changes += 1
        if not (self.forgets and self.changes % 10 == 0):
            self.intents[entity_id] = held
        return 201 if created else 200, told(entity_id, held)

    def _delete(self, entity_id: str, path: str) -> tuple[int, object]:
        if self.intents.pop(entity_id, None) is None and self.gone.get(entity_id) != path:
            return 404, {}
        self.gone[entity_id] = path
        return 200, {}


def told(entity_id: str, held: Held) -> object:
    reference = {"id": entity_id, "ovn": held.ovn, "state": held.state, "manager": held.manager}
    reference["uss_base_url"] = msgspec.json.decode(held.request[held.request.index(b"{") :])["uss_base_url"]
    return {"operational_intent_reference": reference}


def box_of(extents: list[Any]) -> tuple[float, ...]:
    """Return south, west, low, and north, east, high."""
    lats, lngs = [], []
    for extent in extents:
        circle = extent["volume"].get("outline_circle")
        for vertex in [circle["center"]] if circle else extent["volume"]["outline_polygon"]["vertices"]:
            margin = circle["radius"]["value"] / 100_000 if circle else 0.0
            lats += [vertex["lat"] - margin, vertex["lat"] + margin]
            lngs += [vertex["lng"] - margin, vertex["lng"] + margin]
    low, high = (extents[0]["volume"][f"altitude_{end}"]["value"] for end in ("lower", "upper"))
    return min(lats), min(lngs), low, max(lats), max(lngs), high


def meets(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return all(a[axis] <= b[axis + 3] and b[axis] <= a[axis + 3] for axis in range(3))


class FakeService:
    """A service on what is kept; killed, it cuts off who is connected."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self._open: set[Any] = set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def setup(self) -> None:
                super().setup()
                service._open.add(self.connection)

            def finish(self) -> None:
                service._open.discard(self.connection)

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                manager = self.headers["Authorization"].removeprefix("Bearer ")
                status, answer = service.kept.answer(self.command, self.path, body, manager)
                text = msgspec.json.encode(answer)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
                self.wfile.flush()

            do_GET = do_PUT = do_DELETE = answer  # noqa: N815 - the names of http.server

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # it was cut off

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def wait_ready(self) -> float:
        return 0.0

    def kill(self) -> None:
        if not self._thread.is_alive():
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in list(self._open):
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
