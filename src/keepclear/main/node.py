"""The wiring of a node: settings to a store, a desk and an application that serves."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from keepclear.adapters import clock, doctor
from keepclear.adapters.config import load_settings
from keepclear.adapters.desk import Desk
from keepclear.adapters.federation.federation import Federation
from keepclear.adapters.http.app import Parts, RunningNode
from keepclear.adapters.http.node import Linked, Unlinked
from keepclear.adapters.http.server import check_certificate, listening, local_url, serve
from keepclear.adapters.keys import KeyFolder, load_node_key
from keepclear.adapters.logs import start_logging
from keepclear.adapters.notary import Notary
from keepclear.adapters.settings import Settings
from keepclear.adapters.store.access import Access
from keepclear.adapters.store.backup import examine
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.migrations import scripts
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.main.keys import root_key_of
from keepclear.main.watching import feeds_of, recorder_of, watch_rules_of
from keepclear.node.access import Grant, Role
from keepclear.node.ports import Actor
from keepclear.node.workbench import Voice
from keepclear.version import VERSION

TOKEN_NAME: Final = "keepclear.token"

_log = logging.getLogger(__name__)


def run(settings: Settings, *, started: Callable[[str], None] = lambda _: None) -> None:
    """Run a node until the process is told to stop.

    Args:
        settings: How it is configured.
        started: Called with its URL once requests are answered.

    Raises:
        InvalidValueError: It cannot listen where it should, or its certificate cannot be used.
        StoreError: The database cannot be used.
    """
    server = settings.server
    check_certificate("server.tls_certificate", server.tls_certificate, server.tls_key)
    start_logging(settings.log)
    with (
        until_told(),
        listening(server.host, server.port) as listener,
        _listening_for_peers(settings) as peer_listener,
    ):
        store = SqliteStore(settings.node.database)
        try:
            notary = _notary(settings, store)
        except BaseException:
            store.close()
            raise
        running = _running(settings, store, notary, peer_listener)
        url = url_of(settings, listener.getsockname()[1])

        def ready() -> None:
            extra = {"url": url, "version": VERSION, "items": running.node.desk.held_count}
            _log.info("the node is ready", extra=extra)
            started(url)

        serve(running, listener, started=ready)


def _listening_for_peers(settings: Settings) -> contextlib.AbstractContextManager[socket.socket | None]:
    """Open the socket that nodes of other parties ask at; None where there are to be no links."""
    federation = settings.federation
    keys = KeyFolder(settings.node.keys)
    if not (federation.enabled and keys.node.exists() and keys.tls_certificate.exists()):
        return contextlib.nullcontext()
    return listening(federation.host, federation.port, "federation.listen")


def _notary(settings: Settings, store: SqliteStore) -> Notary | None:
    """Return what signs for the node; None where it has no keys.

    Raises:
        InvalidValueError: A key cannot be read, or the keys are another party's.
    """
    keys, party = KeyFolder(settings.node.keys), PartyId(settings.node.party)
    if not keys.node.exists():
        _log.warning(
            "this node has no keys: it states nothing and has no links; keepclear init makes keys",
            extra={"keys": str(settings.node.keys)},
        )
        return None
    own = next((known.id for known in store.parties() if known.is_own), None)
    if own != party:
        whose = "no party whose card is pinned in this database" if own is None else repr(own)
        raise InvalidValueError(
            "node.party", f"it is {party!r}, and the keys in {settings.node.keys} are of {whose}"
        )
    return Notary(party, load_node_key(keys.node))


def _running(
    settings: Settings, store: SqliteStore, notary: Notary | None, listener: socket.socket | None
) -> RunningNode:
    def linked(desk: Desk) -> Linked:
        if notary is None or listener is None:
            return Unlinked()
        return Federation(
            desk, notary, KeyFolder(settings.node.keys), store.parties, listener, clock=clock.now
        )

    voice = None
    if notary is not None:
        voice = Voice(party=notary.party, notary=notary, root_key_of=root_key_of)
    return RunningNode(
        Parts(
            settings=settings,
            store=store,
            access=Access(settings.node.database, clock.now),
            form=JsonForm(),
            clock=clock.now,
            watch=watch_rules_of(settings),
            feeds=feeds_of(settings),
            keeps=recorder_of(settings),
            voice=voice,
            linked=linked,
        )
    )


@contextlib.contextmanager
def until_told() -> Iterator[None]:
    """Take SIGTERM and SIGINT for the wish to stop, at any moment: what was begun is left by its own exits.

    Without this SIGTERM would kill the process before a database was closed: the server takes both
    while it runs, and raises them anew once it has stopped.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    wishes = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(wish, signal.default_int_handler) for wish in wishes]
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for wish, handler in zip(wishes, before, strict=True):
            signal.signal(wish, handler)


def url_of(settings: Settings, port: int) -> str:
    """Return the URL that a node is reached by on this machine."""
    return local_url(settings.server.host, port, is_tls=settings.server.is_tls)


def issue_token(
    settings: Settings, person: str, role: Role, *, party: str | None, days: float
) -> tuple[Grant, str]:
    """Issue a token in the database of a node, which may be running.

    Raises:
        InvalidValueError: A name or the number of days cannot be used.
        StoreError: The database cannot be used.
    """
    with opened_access(settings) as access:
        actor = Actor(party=PartyId(party or settings.node.party), person=person)
        return access.issue(actor, role, days=days)


@contextlib.contextmanager
def opened_access(settings: Settings) -> Iterator[Access]:
    """Open who may do what, in the database of a node, which may be running.

    Raises:
        StoreError: The database cannot be used.
    """
    access = Access(settings.node.database, clock.now)
    try:
        yield access
    finally:
        access.close()


def diagnose(explicit: str | None, environment: Mapping[str, str]) -> tuple[doctor.Check, ...]:
    """Look whether this machine can run the node of a configuration.

    Args:
        explicit: The file that the user named; None to look for one.
        environment: The environment variables.
    """

    def load() -> doctor.Places:
        settings = load_settings(explicit, environment=environment)
        server, folder = settings.server, Path() if settings.file is None else settings.file.parent
        secrets = [folder / TOKEN_NAME, *([] if server.tls_key is None else [server.tls_key])]
        return doctor.Places(
            database=settings.node.database,
            host=server.host,
            port=server.port,
            is_tls=server.is_tls,
            secrets=secrets,
        )

    return doctor.diagnose(load, _state_of)


def _state_of(database: Path) -> doctor.DatabaseState:
    content = examine(database)  # raises where it is damaged
    return doctor.DatabaseState(
        problems=(), schema_version=content.schema, schema_version_known=len(scripts())
    )


def now() -> datetime:
    """Return what time it is."""
    return clock.now()
