"""The application of a node: the API, the console's files, and the headers that every answer has."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keepclear.adapters.desk import Desk
from keepclear.adapters.federation.federation import LinkView
from keepclear.adapters.federation.links import Link, LinkState
from keepclear.adapters.feeds.address import FeedAddress
from keepclear.adapters.http import problems, wire
from keepclear.adapters.http.bodies import encode
from keepclear.adapters.http.endpoints import Endpoint, routes_of
from keepclear.adapters.http.gate import Gate
from keepclear.adapters.http.hotline_gauges import HotlineGauges
from keepclear.adapters.http.log_bodies import links_body
from keepclear.adapters.http.metrics import Metrics
from keepclear.adapters.http.node import Linked, Node, Unlinked
from keepclear.adapters.http.openapi import describe
from keepclear.adapters.http.past import Past
from keepclear.adapters.http.problems import HttpProblemError, problem_of
from keepclear.adapters.http.routes import Routes
from keepclear.adapters.http.stream import Hub, Throttle
from keepclear.adapters.http.ticking import Ticking
from keepclear.adapters.http.watch_news import WatchNews
from keepclear.adapters.settings import Settings
from keepclear.adapters.store.access import Access
from keepclear.adapters.watching.declares import NodeDeclares
from keepclear.adapters.watching.rounds import Keeps, Round, Rounds
from keepclear.adapters.watching.thread import Watching
from keepclear.core.alerts import AlertChange
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.named_rules import RULE_SETS
from keepclear.core.notice import Seen
from keepclear.core.times import instant_of, rfc3339
from keepclear.node.access import Grant
from keepclear.node.detect import Unknown
from keepclear.node.logs import EVIDENCE_MAX
from keepclear.node.outcomes import StoreError
from keepclear.node.policy import Policy
from keepclear.node.ports import Clock, ItemForm, Record, Store
from keepclear.node.watch import Watch, WatchRules
from keepclear.node.workbench import Heads, Voice

CLOCK_EVERY_S: Final = 2.0
"""So often the stream tells the time; silence for longer than three times that means: cut off."""
TICK_EVERY_S: Final = 1.0
"""So often it is looked whether the clock or the links are to be told."""
HOTLINE_EVERY_S: Final = 0.2
"""So often the stream tells that there is something new on the hotline, at most."""
CYCLE_SPEED_MAX: Final = 10.0
"""In a demonstration that runs faster, the watch looks less often in its time."""
DEFAULT_RULES: Final = "en-route"
"""The rule set of a node that is given none."""
CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What pages of a node may load: nothing from elsewhere, and no code that stands in a page."""
_HEADERS: Final = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a node is put together from.

    Attributes:
        settings: How it is configured.
        store: What it keeps.
        access: Who may do what.
        form: How items are written.
        clock: What time it is.
        speed: How fast that time runs.
        guest: What whoever comes is granted, in a demonstration.
        watch: By what it watches.
        feeds: Where tracks come from.
        keeps: Where everything that is seen is recorded; None for nowhere.
        voice: What it speaks with; None for a node without keys, which has no log.
        linked: Makes the links to the nodes of other parties; None for no links.
    """

    settings: Settings
    store: Store
    access: Access
    form: ItemForm
    clock: Clock
    speed: float = 1.0
    guest: Grant | None = None
    watch: WatchRules = field(default_factory=lambda: WatchRules(rule_set=RULE_SETS[DEFAULT_RULES]))
    feeds: Sequence[FeedAddress] = ()
    keeps: Keeps | None = None
    voice: Voice | None = None
    linked: Callable[[Desk], Linked] | None = None


def policy_of(settings: Settings) -> Policy:
    """Return what a party decided in its settings."""
    limits = settings.limits
    return Policy(
        conflicts=settings.node.conflicts,
        buffer=settings.buffer.gap,
        volumes_max=limits.volumes,
        vertices_max=limits.vertices,
        horizon_s=limits.horizon_days * 86_400.0,
    )


class RunningNode:
    """A node that runs, until it is closed.

    Args:
        parts: What it is put together from.

    Attributes:
        node: What its endpoints work with.
        app: The application.
        alongside: What runs beside it in the event loop, until the end.
    """

    alongside: Callable[[], Awaitable[None]] | None = None

    def __init__(self, parts: Parts) -> None:
        settings = parts.settings
        self._loop: asyncio.AbstractEventLoop | None = None
        gate = Gate(
            access=parts.access,
            hosts=frozenset(settings.server.allowed_hosts),
            body_bytes_max=settings.limits.body_bytes,
            is_tls=settings.server.is_tls,
        )
        self._linked: Linked = Unlinked()
        self._links_told: list[tuple[PartyId, LinkState, bool]] = []
        self._heads: dict[PartyId, int] = {}
        self._hotline = Throttle(self._tell_hotline, HOTLINE_EVERY_S)
        self._latest: Round | None = None
        self._news = WatchNews()
        desk = Desk(
            parts.store,
            parts.form,
            policy_of(settings),
            parts.clock,
            voice=parts.voice,
            published=self._published,
            grown=self._grown,
            talked=self._talked,
            unheard=self._unheard,
            seen_of=self._seen_of,
        )
        self._watching = Watching(lambda told: self._rounds(parts, desk, told))
        self._heads.update(desk.ask(lambda bench: bench.heads).result())
        if parts.linked is not None:
            self._linked = parts.linked(desk)
        self._ticking: Ticking | None = None
        if parts.voice is not None:
            self._ticking = Ticking(desk, parts.voice.party, self._linked)
        self.node = Node(
            settings=settings,
            store=parts.store,
            desk=desk,
            access=parts.access,
            gate=gate,
            watching=self._watching,
            rule_set=parts.watch.rule_set.name,
            past=Past(parts.store, parts.form, parts.watch, settings.watch.recordings),
            hub=Hub(settings.limits.streams),
            metrics=Metrics(),
            clock=parts.clock,
            speed=parts.speed,
            guest=parts.guest,
            linked=self._linked,
        )
        self._gauges()
        self._hotline_gauges = HotlineGauges(self.node)
        self.endpoints: list[Endpoint] = []
        self.app = self._application()

    def _application(self) -> Starlette:
        self.endpoints = Routes(self.node, lambda: describe(self.endpoints)).endpoints()
        gate, metrics = self.node.gate, self.node.metrics
        static = Path(str(files("keepclear.console"))) / "static"

        async def index(_: Request) -> Response:
            return FileResponse(static / "index.html", headers={"Cache-Control": "no-cache"})

        app = Starlette(
            routes=[
                *routes_of(self.endpoints, gate, metrics),
                Route("/", index, methods=["GET"]),
                Mount("/static", _Files(directory=static)),
            ],
            middleware=[Middleware(_Guarded, gate)],
            exception_handlers={HTTPStatus.NOT_FOUND: _unknown, HTTPStatus.METHOD_NOT_ALLOWED: _not_allowed},
            lifespan=self._lifespan,
        )
        app.router.redirect_slashes = False  # it would lead to whatever host a request names
        return app

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self._link())]
        if self._ticking is not None:
            tasks.append(asyncio.create_task(self._ticking.run()))
            tasks.append(asyncio.create_task(self._hotline_gauges.run()))
        self._watching.told = self._watched
        self._watching.start()
        if self.alongside is not None:
            tasks.append(asyncio.ensure_future(self.alongside()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            self._hotline.close()
            self.node.hub.close()
            await asyncio.to_thread(self._watching.close)
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _tick(self) -> None:
        """Tell listeners the time and the links."""
        node = self.node
        next_clock_s = 0.0
        loop = asyncio.get_running_loop()
        while True:
            if loop.time() >= next_clock_s:
                next_clock_s = loop.time() + CLOCK_EVERY_S
                if node.hub.listener_count:
                    # While the store cannot be read, nothing is told: who listens hears that it is cut off.
                    with contextlib.suppress(StoreError):
                        node.hub.spread("clock", await asyncio.to_thread(node.clock_event))
            self.tell_links()
            await asyncio.sleep(TICK_EVERY_S)

    async def _link(self) -> None:
        """Keep the links; what ends them is told, and the node goes on without them."""
        try:
            await self._linked.run()
        except Exception:  # whatever it is: links that are cut are shown as such
            _log.exception("a fault of the links; they are cut until the node starts anew")

    def _published(self, records: Sequence[Record]) -> None:
        """Bring new entries of the log from the desk to the listeners."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.node.hub.spread_records, records)

    def _grown(self, heads: Heads) -> None:
        """Tell the listeners and the peers that a log is held further."""
        self._heads = dict(heads)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell_heads)
        self._linked.wake()

    def _talked(self) -> None:
        """Tell the listeners that there is something new on the hotline."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hotline.ask)

    def _rounds(self, parts: Parts, desk: Desk, told: Callable[[Round], None]) -> Rounds:
        settings = parts.settings.watch
        return Rounds(
            Watch(parts.watch),
            parts.feeds,
            parts.clock,
            NodeDeclares(parts.store, parts.form, desk),
            told,
            keeps=parts.keeps,
            cycle_s=settings.cycle_ms / 1000.0,
            silent_s=settings.silent_s,
            own_party=parts.settings.node.party,
            speed=min(parts.speed, CYCLE_SPEED_MAX),
        )

    def _watched(self, done: Round) -> None:
        """Bring a round from the thread of the watch to the listeners."""
        self._latest = done
        for event in done.cycle.events:
            if event.change is AlertChange.CLIMBED:
                extra = {"alert": event.alert_id, "about": [each for each in event.key[1:] if each]}
                _log.warning("nobody has acknowledged a warning of the watch", extra=extra)
        if self.node.hub.listener_count and self._loop is not None and not self._loop.is_closed():
            told = self._news.of(done, self.node.rule_set)  # made in the thread of the watch
            self._loop.call_soon_threadsafe(self._tell_watch, told)

    def _tell_watch(self, told: Sequence[tuple[str, bytes]]) -> None:
        for kind, data in told:
            self.node.hub.spread(kind, data)

    def _track_count(self) -> float:
        return 0.0 if self._latest is None else float(len(self._latest.cycle.picture))

    def _alert_count(self) -> float:
        return 0.0 if self._latest is None else float(len(self._latest.cycle.alerts))

    def _tell_hotline(self) -> None:
        self.node.hub.spread("hotline", b"{}")

    def _tell_heads(self) -> None:
        self.node.hub.spread("logs", encode({"heads": self._heads}))

    def tell_links(self) -> None:
        """Tell the listeners of the links where one is otherwise than before."""
        views = self._linked.links()
        told = [(view.link.peer, view.state, view.link.is_switched_off) for view in views]
        if told != self._links_told:
            self._links_told = told
            body = links_body(views, PartyId(self.node.settings.node.party))
            self.node.hub.spread("links", encode(body.links))

    def _unheard(self) -> Sequence[Unknown]:
        """Tell what is not known because somebody is not heard."""
        return unheard(self._linked.links(), self._heads)

    def _seen_of(self, item_id: ItemId) -> Sequence[Seen]:
        """Tell where the aircraft of an operation are seen; asked in the thread of the desk."""
        return () if self._latest is None else self._latest.cycle.seen_of(item_id)

    def _gauges(self) -> None:
        node = self.node
        for name, about, value in (
            ("items_held", "Items in the picture.", lambda: node.desk.held_count),
            ("desk_waiting", "Changes and questions that wait at the desk.", lambda: node.desk.waiting_count),
            ("desk_failing", "1 while the node cannot store.", lambda: node.desk.fault is not None),
            ("log_entries", "Entries of the event log.", self._log_entries),
            ("streams_open", "Listeners.", lambda: node.hub.listener_count),
            ("tracks_held", "Tracks.", self._track_count),
            ("alerts_open", "Alerts that have not ended.", self._alert_count),
            ("watch_stopped", "1 while nothing is watched.", lambda: not self._watching.is_running),
            ("evidence_held", "Proofs that a party did not keep to its log.", self._evidence_count),
        ):
            node.metrics.gauge(name, about, value)
        node.metrics.table("party_log_entries", "Entries held of each party's log.", "party", self._log_sizes)
        node.metrics.table(
            "link_state", "How the link to each party is: 0 up, 1 late, 2 cut.", "party", self._link_states
        )

    # While the store fails, the other counters are wanted most.

    def _log_entries(self) -> float:
        try:
            return self.node.store.last_seq()
        except StoreError:
            return math.nan

    def _evidence_count(self) -> float:
        try:
            return len(self.node.store.evidence(0, EVIDENCE_MAX))
        except StoreError:
            return math.nan

    def _log_sizes(self) -> Mapping[str, float]:
        return {party: float(size) for party, size in self._heads.items()}

    def _link_states(self) -> Mapping[str, float]:
        return {view.link.peer: list(LinkState).index(view.state) for view in self._linked.links()}

    def close(self) -> None:
        """Finish what waits at the desk, and release everything."""
        self.node.desk.close()
        self.node.access.close()
        self.node.store.close()


def unheard(views: Sequence[LinkView], heads: Mapping[PartyId, int]) -> Sequence[Unknown]:
    """Tell of which parties something is not known; of those that said something once.

    Args:
        views: The links.
        heads: How many entries of each log are held.
    """
    reasons = (_reason(view, heads.get(view.link.peer, 0)) for view in views)
    return [Unknown(reason=reason) for reason in reasons if reason is not None]


def _reason(view: LinkView, held: int) -> str | None:
    """Tell why something of a peer is not known; None where all of it is, or it never said anything."""
    link = view.link
    if view.state is LinkState.CUT and (link.heard_ms is not None or held):
        return f"nothing was heard of {link.peer!r} since {_since(link)}"
    if link.is_switched_off and held:
        return f"the link to {link.peer!r} is switched off; what it declared since is not known"
    if link.refusals and (link.holds(link.peer) or 0) > held:
        return f"of the log of {link.peer!r} something is not taken: {link.refusals[0]}"
    return None


def _since(link: Link) -> str:
    if link.heard_ms is None:
        return "this node started; what it declared since is not known"
    return f"{rfc3339(instant_of(link.heard_ms))}; what it declared since is not known"


def _problem(error: HttpProblemError) -> Response:
    status, body, headers = problem_of(error)
    return Response(encode(body), status, headers, media_type=problems.MEDIA_TYPE)


async def _unknown(request: Request, _: Exception) -> Response:
    detail = f"there is nothing at {request.url.path}; GET /v1/openapi.json tells what there is"
    return _problem(HttpProblemError(HTTPStatus.NOT_FOUND, detail))


async def _not_allowed(request: Request, error: Exception) -> Response:
    allowed = getattr(error, "headers", None) or {}
    status = HTTPStatus.METHOD_NOT_ALLOWED
    body = wire.ProblemDetails(
        title=status.phrase, status=status, detail=f"{request.method} is not for {request.url.path}"
    )
    return Response(encode(body), status, allowed, media_type=problems.MEDIA_TYPE)


class _Files(StaticFiles):
    """The console's files: always asked for anew, answered with 304 when they are the same."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


class _Guarded:
    """Refuses every request that names another host, and adds the headers that every answer has."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._gate.check_host(Request(scope))
        except HttpProblemError as error:
            await _problem(error)(scope, receive, with_headers)
        else:
            await self._app(scope, receive, with_headers)
