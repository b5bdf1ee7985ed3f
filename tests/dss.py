"""A Discovery and Synchronization Service to test with: in this process, with a clock that stands still, and
tokens that say plainly who asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from keepclear.adapters.http.dss.app import DssApplication, DssParts
from keepclear.adapters.http.dss.auxiliary import AuxiliaryEndpoints
from keepclear.adapters.http.dss.endpoints import DssDesk, TokenRefusedError
from keepclear.adapters.store.dss_memory import MemoryDssStore
from keepclear.codec.f3548.dss_reading import DssReader
from keepclear.core.times import rfc3339
from keepclear.node.dss.callers import Caller, Scope
from keepclear.node.dss.ports import DssStore

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
INTENTS = "/dss/v1/operational_intent_references"
CONSTRAINTS = "/dss/v1/constraint_references"
SUBSCRIPTIONS = "/dss/v1/subscriptions"
SC, CMSA = Scope.STRATEGIC_COORDINATION, Scope.CONFORMANCE_MONITORING
CM, CP, AA = Scope.CONSTRAINT_MANAGEMENT, Scope.CONSTRAINT_PROCESSING, Scope.AVAILABILITY_ARBITRATION


class PlainTokens:
    """Takes `Bearer SUBJECT SCOPE SCOPE...` for a token."""

    def admit(self, authorization: str | None) -> Caller:
        words = (authorization or "").split()
        if len(words) < 2 or words[0] != "Bearer":
            raise TokenRefusedError("no token was sent")
        return Caller(words[1], "https://auth.example", frozenset(words[2:]))


class Entropy:
    """Bytes that are never the same, and in each run those of the run before."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return sha256(str(self.count).encode()).digest()[:size]


class Answer(NamedTuple):
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def intent(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body["operational_intent_reference"]
        return found

    @property
    def ovn(self) -> str:
        kind = (
            "operational_intent_reference"
            if "operational_intent_reference" in self.body
            else "constraint_reference"
        )
        return str(self.body[kind]["ovn"])

    @property
    def indices(self) -> dict[str, int]:
        """How many changes were told to each subscription that it names."""
        states = [state for each in self.body["subscribers"] for state in each["subscriptions"]]
        return {state["subscription_id"]: state["notification_index"] for state in states}


@dataclass
class Dss:
    """A service, and how it is asked.

    Each question comes over a connection of its own, unless it says over which.
    """

    store: DssStore = field(default_factory=MemoryDssStore)
    allows_http: bool = False
    now: datetime = NOW

    def __post_init__(self) -> None:
        desk = DssDesk(store=self.store, tokens=PlainTokens(), clock=lambda: self.now, entropy=Entropy())
        self.application = DssApplication(
            DssParts(
                desk=desk,
                reader=DssReader(allows_http=self.allows_http),
                auxiliary=AuxiliaryEndpoints(dar_id="test", instance="one", endpoint="https://dss.example"),
            )
        )
        self._connections = 0

    def later(self, span: timedelta) -> None:
        self.now += span

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        subject: str = "uss1",
        scopes: Sequence[Scope | str] = (SC,),
        connection: int | None = None,
        token: str | None = None,
    ) -> Answer:
        words = [each if isinstance(each, str) else each.value for each in scopes]
        header = f"Bearer {subject} {' '.join(words)}" if token is None else token
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if connection is None:
            self._connections += 1
            connection = 1_000 + self._connections
        return asyncio.run(self._asked(method, path, data, header, connection))

    async def _asked(self, method: str, path: str, data: bytes, token: str, connection: int) -> Answer:
        told: list[dict[str, Any]] = []
        where, _, query = path.partition("?")

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": data, "more_body": False}

        async def send(message: Any) -> None:
            told.append(dict(message))

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": where,
            "raw_path": where.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"localhost"), *([(b"authorization", token.encode())] if token else [])],
            "client": ("127.0.0.1", connection),
            "server": ("127.0.0.1", 8082),
        }
        await self.application.app(scope, receive, send)
        body = b"".join(each.get("body", b"") for each in told[1:])
        headers = {name.decode(): value.decode() for name, value in told[0]["headers"]}
        is_json = headers.get("content-type") == "application/json"
        return Answer(told[0]["status"], json.loads(body) if is_json and body else body, headers)

    def sweep(self) -> bool:
        return asyncio.run(self.application.upkeep.sweep())

    # -- what most tests ask -------------------------------------------------------------------------

    def create(self, entity_id: str, body: dict[str, Any], **more: Any) -> Answer:
        return self.ask("PUT", f"{INTENTS}/{entity_id}", body, **more)

    def change(self, entity_id: str, ovn: str, body: dict[str, Any], **more: Any) -> Answer:
        return self.ask("PUT", f"{INTENTS}/{entity_id}/{ovn}", body, **more)

    def delete(self, entity_id: str, ovn: str, **more: Any) -> Answer:
        return self.ask("DELETE", f"{INTENTS}/{entity_id}/{ovn}", **more)

    def subscribe(self, subscription_id: str, body: dict[str, Any], **more: Any) -> Answer:
        return self.ask("PUT", f"{SUBSCRIPTIONS}/{subscription_id}", body, **more)

    def find(self, area: dict[str, Any], **more: Any) -> list[str]:
        answer = self.ask("POST", f"{INTENTS}/query", {"area_of_interest": area}, **more)
        assert answer.status == 200, answer
        return [each["id"] for each in answer.body["operational_intent_references"]]


def uuid(number: int) -> str:
    """Return a UUID of version 4, the same for the same number."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def at(minutes: float) -> dict[str, str]:
    return {"value": rfc3339(NOW + timedelta(minutes=minutes)), "format": "RFC3339"}


def metres(value: float) -> dict[str, Any]:
    return {"value": value, "reference": "W84", "units": "M"}


def circle(
    east_m: float = 0.0, radius_m: float = 100.0, *, lat: float = 46.0, lng: float = 7.0
) -> dict[str, Any]:
    """Return the outline of a circle so far east of a place."""
    center = {"lat": lat, "lng": lng + east_m / 77_400.0}
    return {"outline_circle": {"center": center, "radius": {"value": radius_m, "units": "M"}}}


def square(east_m: float = 0.0, half_m: float = 100.0) -> dict[str, Any]:
    """Return the outline of a square so far east of the same place."""
    half_lat, half_lng, lng = half_m / 111_150.0, half_m / 77_400.0, 7.0 + east_m / 77_400.0
    corners = ((-1, -1), (-1, 1), (1, 1), (1, -1))
    vertices = [{"lat": 46.0 + a * half_lat, "lng": lng + b * half_lng} for a, b in corners]
    return {"outline_polygon": {"vertices": vertices}}


def volume(
    outline: dict[str, Any] | None = None,
    lower_m: float | None = 100.0,
    upper_m: float | None = 200.0,
    start: float | None = 0.0,
    end: float | None = 60.0,
) -> dict[str, Any]:
    """Return a volume; what is None is left out. Times are minutes from now."""
    space = dict(outline or circle())
    if lower_m is not None:
        space["altitude_lower"] = metres(lower_m)
    if upper_m is not None:
        space["altitude_upper"] = metres(upper_m)
    found: dict[str, Any] = {"volume": space}
    if start is not None:
        found["time_start"] = at(start)
    if end is not None:
        found["time_end"] = at(end)
    return found


def intent(*extents: dict[str, Any], key: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """Return what creates an intent, without a subscription."""
    return {
        "extents": list(extents) or [volume()],
        "key": list(key),
        "state": "Accepted",
        "uss_base_url": "https://uss1.example/utm",
        **more,
    }


NEW: dict[str, Any] = {"new_subscription": {"uss_base_url": "https://uss1.example/utm"}}
"""What an intent with a subscription of its own says."""


def subscription(extents: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return what creates a subscription that notifies for intents."""
    return {
        "extents": extents or volume(circle(radius_m=1_000.0), 0.0, 3_000.0),
        "uss_base_url": "https://uss2.example/utm",
        "notify_for_operational_intents": True,
        "notify_for_constraints": False,
        **more,
    }


def constraint(*extents: dict[str, Any]) -> dict[str, Any]:
    """Return what creates a constraint."""
    return {"extents": list(extents) or [volume()], "uss_base_url": "https://authority.example/utm"}
