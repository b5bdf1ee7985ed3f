"""The wiring of a Discovery and Synchronization Service: its store, its keys and its application."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from keepclear.adapters import clock
from keepclear.adapters.http.dss.app import DssApplication, DssParts
from keepclear.adapters.http.dss.auxiliary import AuxiliaryEndpoints
from keepclear.adapters.http.dss.endpoints import DssDesk, TokenRefusedError
from keepclear.adapters.http.server import ToldServer, check_certificate, config_of, listening, local_url
from keepclear.adapters.logs import start_logging
from keepclear.adapters.loopback import is_loopback
from keepclear.adapters.settings import LogSettings
from keepclear.adapters.store.dss_memory import MemoryDssStore
from keepclear.adapters.tokens.bearer import TokenError
from keepclear.adapters.tokens.gatekeeper import Gatekeeper
from keepclear.adapters.tokens.issuers import issuers_of
from keepclear.codec.f3548.dss_reading import DssReader
from keepclear.core.errors import InvalidValueError
from keepclear.core.extents import judge_once
from keepclear.main.node import until_told
from keepclear.node.dss.callers import Caller
from keepclear.node.dss.ports import DssStore
from keepclear.version import VERSION

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DssSettings:
    """How a service is to run.

    Attributes:
        host: Where it listens.
        port: The port; 0 for any that is free.
        database: `sqlite:PATH`, `postgresql://...`, or `memory:`, which keeps nothing.
        trusted: Files and URLs with keys of issuers.
        issuers: What a file says of issuers; `[[dss.issuer]]`.
        folder: What files that it names are relative to.
        audiences: The names that tokens may name as whom they are for.
        allows_http: Whether base URLs may be of http.
        guards_replays: Whether each token is taken once only.
        instance: How this process is called in the pool.
        public_url: Where it is reached; empty for where it listens.
        tls_certificate: The file with its certificate; None for no TLS.
        tls_key: The file with the key.
        log: How it logs.
    """

    host: str
    port: int
    database: str
    trusted: Sequence[str] = ()
    issuers: Sequence[Mapping[str, Any]] = ()
    folder: Path | None = None
    audiences: Sequence[str] = ("localhost",)
    allows_http: bool = False
    guards_replays: bool = False
    instance: str = "keepclear"
    public_url: str = ""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    log: LogSettings = field(default_factory=LogSettings)


class _Tokens:
    """Checks tokens for the application."""

    def __init__(self, keeper: Gatekeeper) -> None:
        self._keeper = keeper

    def admit(self, authorization: str | None) -> Caller:
        """Tell who asks.

        Raises:
            TokenRefusedError: The token is not good.
        """
        try:
            bearer = self._keeper.admit(authorization)
        except TokenError as error:
            raise TokenRefusedError(str(error)) from None
        return Caller(bearer.subject, bearer.issuer, bearer.scopes)


def run(settings: DssSettings, *, started: Callable[[str], None] = lambda _: None) -> None:
    """Run a service until the process is told to stop.

    Args:
        settings: How it runs.
        started: Called with its URL once requests are answered.

    Raises:
        InvalidValueError: It cannot listen where it should, or a key or the database is not as it must be.
        StoreError: The database cannot be used.
    """
    with until_told():
        _run(settings, started)


def _run(settings: DssSettings, started: Callable[[str], None]) -> None:
    start_logging(settings.log)
    check_certificate("--tls-certificate", settings.tls_certificate, settings.tls_key)
    issuers = (*issuers_of(settings.trusted), *issuers_of((), settings.issuers, folder=settings.folder))
    keeper = Gatekeeper(issuers, settings.audiences, clock.now, replay_guard=settings.guards_replays)
    with listening(settings.host, settings.port, "listen") as listener:
        is_tls = settings.tls_certificate is not None
        url = local_url(settings.host, listener.getsockname()[1], is_tls=is_tls)
        store = store_of(settings.database)
        try:
            keeper.start()
            application = DssApplication(parts_of(settings, store, keeper, url))
            config = config_of(application.app, settings.tls_certificate, settings.tls_key)
            told = {"database": _shown(settings.database), "audiences": settings.audiences}
            _log.info("a DSS begins", extra={"version": VERSION, **told})
            if not is_tls and not is_loopback(settings.host):
                _log.warning("no TLS: without a proxy that does it, whoever is on the way reads tokens")
            judge_once()
            gc.collect()
            gc.freeze()  # what is loaded stays; full collections would go through it again and again
            ToldServer(config, lambda: started(url)).run(sockets=[listener])
        finally:
            keeper.close()
            store.close()


def parts_of(settings: DssSettings, store: DssStore, keeper: Gatekeeper, url: str) -> DssParts:
    """Return what a service is put together from."""
    desk = DssDesk(store=store, tokens=_Tokens(keeper), clock=clock.now, entropy=os.urandom)
    auxiliary = AuxiliaryEndpoints(
        dar_id=_shown(settings.database), instance=settings.instance, endpoint=settings.public_url or url
    )
    reader = DssReader(allows_http=settings.allows_http)
    return DssParts(desk=desk, reader=reader, auxiliary=auxiliary, faults=lambda: keeper.faults)


def store_of(database: str) -> DssStore:
    """Open a database.

    Raises:
        InvalidValueError: It is named in none of the known ways.
        StoreError: It cannot be opened.
    """
    scheme, _, rest = database.partition(":")
    if scheme == "memory":
        return MemoryDssStore()
    if scheme == "sqlite" and rest:
        from keepclear.adapters.store.dss_sqlite import SqliteDssStore  # noqa: PLC0415

        return SqliteDssStore(Path(rest))
    if scheme in {"postgresql", "postgres"}:
        from keepclear.adapters.store.dss_postgres import PostgresDssStore  # noqa: PLC0415

        return PostgresDssStore(database)
    reason = "write sqlite:PATH, postgresql://USER@HOST/NAME, or memory: to keep nothing"
    raise InvalidValueError("database", f"{_shown(database)!r} is none that is known; {reason}")


def _shown(database: str) -> str:
    """Return how a database may be shown: without user and password."""
    parts = urlsplit(database)
    return f"{parts.scheme}:{parts.path}" if not parts.hostname else f"{parts.hostname}{parts.path}"
