"""A console that is told by the test what its node sees: pages of the package, answers and a stream by hand.

What the watch tells comes when the test says so, and is what the test says: states that a real watch reaches
only after minutes, or only when something is broken, are looked at at once. The bodies are those of the API.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from playwright.sync_api import Browser, BrowserContext, Route

from keepclear.adapters.http.app import CONTENT_POLICY
from keepclear.adapters.http.hotline_bodies import catalogue
from keepclear.adapters.http.wire_watch import (
    AlertBody,
    Alerts,
    AlertStep,
    FeedBody,
    PathPoint,
    RecordedSpan,
    Recordings,
    TrackDetail,
    TrailPoint,
    WatchMoment,
    WatchState,
    WatchTrack,
    WatchTracks,
)
from keepclear.adapters.store.form import JsonForm
from keepclear.core.conflicts import Item
from keepclear.core.times import instant_of, rfc3339
from tests.e2e.console_page import ConsolePage, console_at
from tests.e2e.world import LAT, LNG, OTHER, OWN

URL: Final = "http://localhost:4"
STATIC: Final = files("keepclear.console") / "static"
TYPES: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "json": "application/json",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}
# A stream that says what the test says, again every second with the time of then, as the node's does.
STREAM: Final = """
const began = performance.now();
window.said = {};
window.streams = [];
window.isQuiet = false;
window.EventSource = class extends EventTarget {
  static CLOSED = 2;
  constructor() { super(); this.readyState = 1; window.streams.push(this); setTimeout(say, 0); }
  close() { this.readyState = 2; }
};
const send = (kind, body) => {
  const data = JSON.stringify(body);
  for (const stream of window.streams) stream.dispatchEvent(new MessageEvent(kind, { data }));
};
window.nowText = () => new Date(Date.parse(START) + performance.now() - began).toISOString();
function say() {
  const now = window.nowText();
  send("clock", { now, speed: 1, seq: 0 });
  if (window.isQuiet) return;
  for (const [kind, body] of Object.entries(window.said)) send(kind, { ...body, now });
}
window.tell = (kind, body) => {
  window.said[kind] = body;
  if (window.streams.length > 0) send(kind, { ...body, now: window.nowText() });
};
setInterval(say, 1000);
"""
NO_LOG: Final = (
    "/v1/parties",
    "/v1/coordination",
    "/v1/negotiations",
    "/v1/agreements",
    "/v1/holds",
    "/v1/evidence",
    "/v1/channels",
    "/v1/messages",
    "/v1/catalogue",
    "/v1/drills",
)


class ToldNode:
    """What the console is told.

    Attributes:
        now_ms: The node's time when the page was opened, milliseconds since 1970.
        answers: What is answered to GET, by path; a function of the query and the rest of the path.
        acknowledged: The ids of alerts that were acknowledged, in turn.
        moments: The moments that were asked for, in turn.
        asking_most: How many moments were asked for at once at most.
    """

    def __init__(self, items: Sequence[Item] = (), *, has_hotline: bool = False) -> None:
        self.now_ms = time.time_ns() // 1_000_000_000 * 1000
        self.acknowledged: list[str] = []
        self.moments: list[str] = []
        self.refuses: dict[str, str] = {}
        self._window: ConsolePage | None = None
        self._said: dict[str, Any] = {}
        form = JsonForm()
        self._items = [
            {
                "item": json.loads(form.write(item)),
                "version": 1,
                "seq": number,
                "standing": "clear",
                "by": {"party": item.party, "person": "Dana"},
                "at": self.at(0),
                "withdrawn": False,
            }
            for number, item in enumerate(items, start=1)
        ]
        self.answers: dict[str, Callable[[str, Mapping[str, list[str]]], object]] = {}
        session = {
            "party": OWN,
            "person": "Dana",
            "role": "duty_officer",
            "csrf": "x",
            "now": self.at(0),
            "node": {
                "party": OWN,
                "name": "Relief",
                "conflicts": "record",
                "is_demonstration": False,
                "version": "0",
            },
            "speed": 1.0,
            "seq": 0,
        }
        checked = {"operations": len(items), "zones": 0, "seq": 0, "now": self.at(0), "reason": None}
        clear = {"answer": "clear", "findings": [], "total": 0, "next": None, "checked": checked}
        self.give("/v1/session", session)
        self.give("/v1/items", {"items": self._items, "next": None, "seq": len(items), "now": self.at(0)})
        self.give("/v1/conflicts", clear)
        self.give("/v1/recordings", Recordings(spans=[]))
        if has_hotline:
            self.give("/v1/channels", {"channels": [open_channel(OTHER, self.at(0))]})
            page: dict[str, object] = {"messages": [], "next": None, "unnumbered": [], "unnumbered_more": 0}
            self.give("/v1/messages", page)
            self.give("/v1/drills", {"drills": []})
            self.answers["/v1/catalogue"] = lambda _path, _query: json.loads(catalogue())
            for path, field in (("/v1/coordination", "coordination"), ("/v1/negotiations", "negotiations")):
                self.give(path, {field: [], "next": None})
            self.give("/v1/parties", {"parties": []})
            self.give("/v1/agreements", {"agreements": []})
            self.give("/v1/holds", {"holds": []})
            self.give("/v1/evidence", {"evidence": [], "next": None})

    def at(self, after_s: float) -> str:
        """Return an instant so long after the page was opened."""
        return rfc3339(instant_of(self.now_ms + round(after_s * 1000.0)))

    def give(self, path: str, body: object) -> None:
        """Answer this to whoever asks for a path."""
        self.answers[path] = lambda _path, _query: body

    # -- what the stream tells ----------------------------------------------------------------------

    def tell_tracks(self, tracks: Sequence[WatchTrack]) -> None:
        """Tell these positions from now on, once a second."""
        self._tell("tracks", WatchTracks(now="", tracks=list(tracks)))
        self.answers["/v1/tracks"] = lambda _path, _query: WatchTracks(now=self.at(0), tracks=list(tracks))

    def tell_alerts(self, alerts: Sequence[AlertBody], unlisted: int = 0) -> None:
        """Tell these alerts from now on."""
        self._tell("alerts", Alerts(now="", alerts=list(alerts), unlisted_count=unlisted))

    def tell_watch(self, state: WatchState) -> None:
        """Tell this of the watch from now on."""
        self._tell("watch", state)

    def fall_silent(self) -> None:
        """Tell the time, and nothing more of the watch."""
        assert self._window is not None
        self._window.page.evaluate("() => { window.isQuiet = true; }")

    def _tell(self, kind: str, body: msgspec.Struct) -> None:
        self._said[kind] = msgspec.to_builtins(body)
        if self._window is not None:
            self._window.page.evaluate("([kind, body]) => window.tell(kind, body)", [kind, self._said[kind]])

    # -- what is asked ------------------------------------------------------------------------------

    def prepare(self, context: BrowserContext) -> None:
        """Answer whatever the page asks."""
        script = STREAM.replace("START", json.dumps(self.at(0)))
        context.add_init_script(f"{script}\nwindow.said = {json.dumps(self._said)};")
        context.route("**/*", self._answer)

    def opened(self, window: ConsolePage) -> None:
        """Go on telling in this window."""
        self._window = window

    def _answer(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        path = unquote(url.path)
        if not path.startswith("/v1/"):
            self._answer_file(route, path)
        elif route.request.method == "POST" and path.endswith("/acknowledgement"):
            self._acknowledge(route, path.split("/")[3])
        elif path in self.refuses:
            route.fulfill(status=503, json={"title": self.refuses[path]})
        else:
            self._answer_question(route, path, parse_qs(url.query))

    def _answer_file(self, route: Route, path: str) -> None:
        file = STATIC / ("index.html" if path == "/" else path.removeprefix("/static/"))
        if not file.is_file():
            route.fulfill(status=404)
            return
        kind = TYPES[file.name.rpartition(".")[2]]
        headers = {"Content-Type": kind, "Content-Security-Policy": CONTENT_POLICY}
        route.fulfill(body=file.read_bytes(), headers=headers)

    def _answer_question(self, route: Route, path: str, query: Mapping[str, list[str]]) -> None:
        asked = path if path in self.answers else None
        if asked is None:
            route.fulfill(status=409 if path.startswith(NO_LOG) else 404, json={"title": "not here"})
            return
        body = self.answers[asked](path, query)
        if path.startswith("/v1/moments"):
            self.moments.append(query["at"][0])
        route.fulfill(body=msgspec.json.encode(body), content_type="application/json")

    def _acknowledge(self, route: Route, alert_id: str) -> None:
        if "acknowledgement" in self.refuses:
            route.fulfill(status=403, json={"title": self.refuses["acknowledgement"]})
            return
        self.acknowledged.append(alert_id)
        alerts = self._said["alerts"]["alerts"]
        alert = next(each for each in alerts if each["id"] == alert_id)
        alert["is_acknowledged"] = True
        assert self._window is not None
        route.fulfill(json=alert)


@contextmanager
def told_console(
    browser: Browser,
    node: ToldNode,
    *,
    language: str = "en",
    prepare: Callable[[BrowserContext], Any] | None = None,
) -> Iterator[ConsolePage]:
    """Open a console that is told what the test says."""

    def both(context: BrowserContext) -> None:
        node.prepare(context)
        if prepare is not None:
            prepare(context)

    with console_at(browser, URL, language=language, prepare=both) as window:
        node.opened(window)
        window.link("live")
        yield window


def open_channel(party: str, at: str) -> dict[str, object]:
    """Return an open line to a party."""
    return {
        "party": party,
        "state": "open",
        "since": at,
        "reasons": [],
        "theirs": {"state": "open", "at": at},
        "differs": False,
        "link": "up",
        "unheard_s": 1.0,
        "hold": {"ours": None, "theirs": None},
        "fallback": {"applies": False, "since": None, "buffer": None, "split": None, "breaches": []},
        "machine_test": None,
        "human_test": None,
        "on_duty": {"ours": [], "theirs": []},
        "received": {"ours_by_them": 0, "theirs_by_us": 0},
        "waiting": {"count": 0, "oldest_at": None, "priority": None},
    }


# -- a small sky ------------------------------------------------------------------------------------

OURS: Final = "icao:4b1801"
THEIRS: Final = "icao:7380c2"
STRANGER: Final = "icao:710f33"


def track(node: ToldNode, track_id: str, north_km: float, east_km: float, **told: Any) -> WatchTrack:
    """Return a current track so far from the middle, with what else is told of it."""
    age_s = told.pop("age_s", 0.5)
    usual: dict[str, Any] = {
        "status": "current",
        "age_s": age_s,
        "error_m": 30.0,
        "altitude_m": 1510.0,
        "pressure_altitude_ft": 4900.0,
        "ground_speed_mps": 90.0,
        "track_deg": 90.0,
        "vertical_rate_mps": 0.0,
        "kind": "aeroplane",
        "sources": ("antenna",),
    }
    return WatchTrack(
        id=track_id,
        at=node.at(-age_s),
        lat=LAT + north_km / 111.2,
        lng=LNG + east_km / 91.1,
        **(usual | told),
    )


def sky(node: ToldNode) -> list[WatchTrack]:
    """Return one track of each sort, with two that meet."""
    return sorted(
        [
            track(
                node,
                OURS,
                0.0,
                -6.0,
                party=OWN,
                callsign="RELIEF1",
                squawk="4621",
                operation="relief/drop",
                standing="inside",
                sources=("antenna", "partner"),
                vertical_rate_mps=-2.5,
            ),
            track(
                node,
                THEIRS,
                0.3,
                5.5,
                party=OTHER,
                callsign="NORTH12",
                track_deg=270.0,
                operation="north/patrol",
                standing="inside",
                altitude_m=1630.0,
            ),
            track(node, STRANGER, 5.0, 2.0, track_deg=200.0, standing="undeclared", kind="unknown"),
            track(
                node,
                "icao:4b1802",
                4.0,
                -7.0,
                party=OWN,
                callsign="RELIEF2",
                status="coasting",
                age_s=9.0,
                error_m=120.0,
            ),
            track(
                node,
                "icao:4b1803",
                -3.0,
                -7.0,
                party=OWN,
                callsign="RELIEF3",
                status="degraded",
                age_s=22.0,
                error_m=500.0,
                track_deg=135.0,
            ),
            track(
                node, "antenna/track:17", -4.0, 3.0, status="lost", age_s=75.0, error_m=1_600.0, kind="drone"
            ),
            track(
                node,
                "icao:7380c9",
                2.4,
                7.5,
                party=OTHER,
                callsign="NORTH15",
                standing="excursion",
                operation="north/away",
                track_deg=20.0,
            ),
            track(node, "icao:710f40", -1.5, 1.0, suspicion="it jumped 40 km in 2 s", kind="helicopter"),
            track(
                node,
                "icao:4b18ff",
                -5.5,
                -2.0,
                party=OWN,
                on_ground=True,
                ground_speed_mps=0.0,
                standing="on_ground",
            ),
        ],
        key=lambda each: each.id,
    )


_NUMBERS = itertools.count(1)


def alert(node: ToldNode, kind: str, a: str, b: str = "", **told: Any) -> AlertBody:
    """Return an open alert, not acknowledged, with what else is told of it."""
    urgency = told.get("urgency", "caution")
    usual: dict[str, Any] = {
        "id": f"A-{next(_NUMBERS):06}",
        "state": "open",
        "urgency": urgency,
        "peak_urgency": urgency,
        "is_present": False,
        "t_in_s": 48.0,
        "opened": node.at(-4),
        "changed": node.at(-4),
        "ended": None,
        "unseen_since": None,
        "present_since": None,
        "present_s": 0.0,
        "rule": None,
        "level": None,
        "item": None,
        "item_version": None,
        "facts": {},
        "cause": "they come too close",
        "is_acknowledged": False,
        "climbed": 0,
        "history": [AlertStep(at=node.at(-4), change="opened", urgency=urgency, cause="they come too close")],
        "paths": {},
    }
    return AlertBody(kind=kind, a=a, b=b, **(usual | told))


def encounter(node: ToldNode, **told: Any) -> AlertBody:
    """Return the encounter of the two that meet."""

    def path(north_km: float, *east_km: float, height_m: float) -> list[PathPoint]:
        times = (0.0, 48.0, 63.0)
        return [
            PathPoint(lat=LAT + north_km / 111.2, lng=LNG + east / 91.1, altitude_m=height_m, t_s=t_s)
            for east, t_s in zip(east_km, times, strict=True)
        ]

    usual: dict[str, Any] = {
        "urgency": "caution",
        "rule": "en-route",
        "level": "caution",
        "facts": {"t_cpa_s": 63.0, "d_cpa_m": 310.0, "dz_cpa_m": 120.0},
        "paths": {
            OURS: path(0.0, -6.0, -1.7, -0.3, height_m=1510.0),
            THEIRS: path(0.3, 5.5, 1.2, -0.2, height_m=1630.0),
        },
    }
    return alert(node, "encounter", OURS, THEIRS, **(usual | told))


def excursion(node: ToldNode, **told: Any) -> AlertBody:
    """Return the alert of the track that is outside what it declared."""
    usual: dict[str, Any] = {
        "urgency": "advisory",
        "is_present": True,
        "t_in_s": 0.0,
        "present_since": node.at(-40),
        "present_s": 40.0,
        "item": "north/away",
        "item_version": 1,
        "facts": {"lateral_m": 640.0, "vertical_m": 0.0},
        "cause": "it is 640 m beside what north/away declares",
    }
    return alert(node, "excursion", "icao:7380c9", "north/away", **(usual | told))


def feed(node: ToldNode, name: str, state: Any = "live", **told: Any) -> FeedBody:
    """Return a feed as it is."""
    usual: dict[str, Any] = {
        "address": "readsb+http://127.0.0.1/data/aircraft.json",
        "format": "readsb",
        "since": node.at(-600),
        "last_received": node.at(-1),
        "last_report": node.at(-1),
        "report_count": 12_345,
        "refused_count": 0,
        "malformed_count": 0,
        "dropped_count": 0,
        "reconnect_count": 0,
        "last_problem": None,
    }
    return FeedBody(name=name, state=state, **(usual | told))


def state(node: ToldNode, **told: Any) -> WatchState:
    """Return a watch that sees and judges everything, with what else is told of it."""
    usual: dict[str, Any] = {
        "now": node.at(0),
        "is_watching": True,
        "rule_set": "en-route",
        "cycle_took_ms": 12.4,
        "feeds": [feed(node, "antenna")],
        "by_status": {"current": 6, "coasting": 1, "degraded": 1, "lost": 1},
        "track_count": 9,
        "pairs_cannot_exclude": 0,
        "not_predicted_count": 0,
        "blind": [],
    }
    return WatchState(**(usual | told))


def detail(tracks: Sequence[WatchTrack], track_id: str) -> TrackDetail:
    """Return one of the tracks with a trail behind it."""
    found = next(each for each in tracks if each.id == track_id)
    trail = [
        TrailPoint(at=found.at, lat=found.lat, lng=found.lng - 0.008 * back, altitude_m=found.altitude_m)
        for back in range(6, -1, -1)
    ]
    return TrackDetail(track=found, trail=trail, twins=["partner/track:4"])


def spans(node: ToldNode) -> Recordings:
    """Return two spans with a gap between them, the later until now."""
    return Recordings(
        spans=[
            RecordedSpan(
                start=node.at(-3_600), end=node.at(-1_800), report_count=90_000, bytes_count=1_000_000
            ),
            RecordedSpan(start=node.at(-900), end=node.at(0), report_count=45_000, bytes_count=500_000),
        ]
    )


def moment(node: ToldNode, at: str, tracks: Sequence[WatchTrack], alerts: Sequence[AlertBody]) -> WatchMoment:
    """Return a moment of the past with these tracks and alerts."""
    trails = {each.id: detail(tracks, each.id).trail for each in tracks}
    return WatchMoment(
        at=at, tracks=list(tracks), trails=trails, alerts=list(alerts), watch=state(node, now=at), items=[]
    )
