"""A node that is served in this process, for tests: with a clock that stands still, and a token of each role.

Every answer is held against the description of the API: its status and its media type are told there,
and its body is as told.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2
from openapi_schema_validator import OAS31Validator
from starlette.testclient import TestClient

from keepclear.adapters.desk import Desk
from keepclear.adapters.http.app import Parts, RunningNode
from keepclear.adapters.http.node import Linked
from keepclear.adapters.settings import (
    BufferSettings,
    FederationSettings,
    LimitSettings,
    NodeSettings,
    ServerSettings,
    Settings,
    WatchSettings,
)
from keepclear.adapters.store.access import Access
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import Durability, SqliteStore
from keepclear.codec.f3548.volumes import encode_item
from keepclear.core.conflicts import Item
from keepclear.core.intents import PartyId
from keepclear.main.watching import recorder_of, watch_rules_of
from keepclear.node.access import Grant, Role
from keepclear.node.policy import ConflictPolicy
from keepclear.node.ports import Actor, KnownParty
from keepclear.node.workbench import Voice
from keepclear.testing.clock import ManualClock
from tests.strategies import NOON, intent, square, volume

URL: Final = "http://127.0.0.1:8421"
PARTY: Final = "relief"
OTHER: Final = "north"


@dataclass(frozen=True)
class Described:
    """The description of an API, which answers are held against."""

    document: dict[str, Any] = field(repr=False)
    _validators: dict[str, OAS31Validator] = field(default_factory=dict, repr=False)

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """Return what is told of a request; None for one that there is not."""
        for template, operations in self.document["paths"].items():
            pattern = re.sub(r"\{(?:id|name)\}", ".*", template)
            pattern = re.sub(r"\{\w+\}", "[^/]*", pattern)
            if re.fullmatch(pattern, path, re.DOTALL):
                found: dict[str, Any] | None = operations.get(method.lower())
                return found
        return None

    def check(self, method: str, path: str, response: httpx2.Response) -> None:
        """Hold an answer against what is told of it."""
        operation = self.operation(method, path)
        if operation is None:
            assert not path.startswith("/v1") or response.status_code in (404, 405, 421)
            return
        told = operation["responses"].get(str(response.status_code))
        assert told is not None, (method, path, response.status_code, response.text)
        media_type = response.headers.get("content-type", "").partition(";")[0]
        if "content" not in told:
            assert response.content == b""
            return
        assert media_type in told["content"], (media_type, told["content"].keys())
        assert {name.lower() for name in told.get("headers", {})} <= set(response.headers)
        if media_type.endswith("json"):
            self._check_body(told["content"][media_type]["schema"], response.json())

    def _check_body(self, schema: Mapping[str, Any], body: object) -> None:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            rooted = {**schema, "components": self.document["components"]}
            self._validators[key] = OAS31Validator(rooted)
        faults = [f"{list(fault.path)}: {fault.message}" for fault in self._validators[key].iter_errors(body)]
        assert faults == []


@dataclass(frozen=True, kw_only=True)
class Served:
    """A node, a client of it, and a token for each role."""

    running: RunningNode
    client: TestClient
    clock: ManualClock
    access: Access
    database: Path
    described: Described
    tokens: Mapping[Role, str]
    foreign_token: str

    def ask(
        self,
        method: str,
        path: str,
        *,
        role: Role | None = Role.DUTY_OFFICER,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        **given: Any,
    ) -> httpx2.Response:
        """Ask as somebody of a role, or with a token; with neither, as nobody."""
        if token is None and role is not None:
            token = self.tokens[role]
        access = {} if token is None else {"Authorization": f"Bearer {token}"}
        response = self.client.request(
            method, path, headers={**access, **(headers or {})}, follow_redirects=False, **given
        )
        if method != "HEAD":
            self.described.check(method, httpx2.URL(f"{URL}{path}").path, response)
        return response

    def look(self) -> None:
        """Have the watch look at everything now."""
        self.running.node.watching.ask(lambda rounds: rounds.round()).result()

    def declare(self, item: Item | dict[str, Any], **given: Any) -> httpx2.Response:
        """Declare an item."""
        body = item if isinstance(item, dict) else body_of(item)
        headers = {"If-None-Match": "*", **given.pop("headers", {})}
        return self.ask("PUT", path_of(body["id"]), json=body, headers=headers, **given)

    def amend(self, item: Item | dict[str, Any], version: int, **given: Any) -> httpx2.Response:
        """Amend an item."""
        body = item if isinstance(item, dict) else body_of(item)
        return self.ask("PUT", path_of(body["id"]), json=body, headers={"If-Match": f'"{version}"'}, **given)

    def issued(self, role: Role, *, party: str = PARTY, days: float = 30.0) -> tuple[Grant, str]:
        """Return a further token."""
        return self.access.issue(Actor(party=PartyId(party), person="somebody"), role, days=days)


def body_of(item: Item) -> dict[str, Any]:
    """Return an item as the API has it."""
    found: dict[str, Any] = json.loads(encode_item(item))
    return found


def path_of(item_id: str) -> str:
    """Return the path of an item."""
    return "/v1/items/" + "".join(f"%{byte:02X}" for byte in item_id.encode())


def operation(name: str, lat: float = 35.0, *, party: str = PARTY) -> Item:
    """Return an operation on a square of 1 km; those at the same latitude conflict."""
    return intent(name, volume(square(lat, 36.0, 500.0)), party=party)


@contextlib.contextmanager
def serving(
    folder: Path,
    described: Described,
    *,
    conflicts: ConflictPolicy = ConflictPolicy.RECORD,
    limits: LimitSettings | None = None,
    server: ServerSettings | None = None,
    buffer: BufferSettings | None = None,
    is_demonstration: bool = False,
    is_started: bool = True,
    url: str = URL,
    voice: Voice | None = None,
    pinned: Sequence[KnownParty] = (),
    linked: Callable[[Desk], Linked] | None = None,
    federation: FederationSettings | None = None,
) -> Iterator[Served]:
    """Serve a node with a new database.

    Args:
        folder: Where the database goes.
        described: What answers are held against.
        conflicts: What the party decided on conflicts.
        limits: What the node takes.
        server: Where it listens.
        buffer: The gap that it keeps.
        is_demonstration: Whether whoever comes is its guest.
        is_started: Whether the client runs it; else the test does, in an event loop of its own.
        url: What the client calls it.
        voice: What it speaks with.
        pinned: Which parties are known to it.
        linked: Makes its links.
        federation: Where other nodes reach it.
    """
    clock = ManualClock(NOON)
    database = folder / "node.sqlite3"
    store = SqliteStore(database, durability=Durability.NORMAL, create=True)
    with store.transaction() as transaction:
        for known in pinned:
            transaction.pin(known)
    access = Access(database, clock.now)
    tokens = {role: access.issue(Actor(party=PartyId(PARTY), person="Dana"), role)[1] for role in Role}
    _, foreign = access.issue(Actor(party=PartyId(OTHER), person="Nils"), Role.DUTY_OFFICER)
    guest = None
    if is_demonstration:
        guest, _ = access.issue(Actor(party=PartyId(PARTY), person="guest"), Role.DUTY_OFFICER)
    settings = Settings(
        node=NodeSettings(party=PARTY, name="Relief", conflicts=conflicts, database=database),
        server=server or ServerSettings(),
        limits=limits or LimitSettings(),
        buffer=buffer or BufferSettings(),
        federation=federation or FederationSettings(),
        watch=WatchSettings(cycle_ms=60_000, recordings=folder / "recordings"),  # tests say when
    )
    running = RunningNode(
        Parts(
            settings=settings,
            watch=watch_rules_of(settings),
            keeps=recorder_of(settings, now=clock.now),
            store=store,
            access=access,
            form=JsonForm(),
            clock=clock.now,
            guest=guest,
            voice=voice,
            linked=linked,
        )
    )
    try:
        client = TestClient(running.app, base_url=url)
        with client if is_started else contextlib.nullcontext():
            yield Served(
                running=running,
                client=client,
                clock=clock,
                access=access,
                database=database,
                described=described,
                tokens=tokens,
                foreign_token=foreign,
            )
    finally:
        running.close()


def pages(served: Served, path: str, key: str, **query: Any) -> Iterator[list[Any]]:
    """Follow a list page by page, and hold on between them."""
    for _ in itertools.count():
        response = served.ask("GET", path, params=query)
        assert response.status_code == 200, response.text
        body = response.json()
        yield body[key]
        if body["next"] is None:
            return
        query["after"] = body["next"]
