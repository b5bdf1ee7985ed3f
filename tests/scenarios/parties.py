"""Parties with a node each, in this process, that people drive by the command line; links are real TLS.

Nodes are made by `keepclear init` and paired by cards and words, as people do it. Only the passphrases are
cheap: a hash that takes 0.3 s for each would be most of the time of a test.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from click.testing import CliRunner, Result

from keepclear.adapters import clock
from keepclear.adapters.config import load_settings
from keepclear.adapters.federation.federation import Federation
from keepclear.adapters.http.app import Parts, RunningNode
from keepclear.adapters.http.server import listening
from keepclear.adapters.keys import KeyFolder, load_node_key
from keepclear.adapters.notary import Notary
from keepclear.adapters.settings import Settings
from keepclear.adapters.store.access import Access
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import Durability, SqliteStore
from keepclear.cli import main
from keepclear.core.intents import PartyId
from keepclear.main.keys import root_key_of
from keepclear.node.workbench import Voice
from tests.ports import free_port
from tests.served import serving

PASSPHRASE: Final = "correct horse battery"
OFFICERS: Final = {"alpha": "Ann", "bravo": "Boris", "relief": "Rita"}
WAIT_S: Final = 20.0
"""What does not happen within it fails the test."""
_T = TypeVar("_T")


def until(told: Callable[[], _T | None], what: str = "it") -> _T:
    """Return what is told as soon as it is."""
    end_s = time.monotonic() + WAIT_S
    while time.monotonic() < end_s:
        found = told()
        if found:
            return found
        threading.Event().wait(0.01)  # how often it is looked at, not what is waited for
    raise AssertionError(f"{what} did not happen within {WAIT_S} s")


def run(*arguments: object, env: Mapping[str, str | None], code: int | None = 0) -> Result:
    """Run a command, as a user with this environment; None for whatever exit code."""
    words = [str(each) for each in arguments]
    done = CliRunner().invoke(main, words, prog_name="keepclear", env=env)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.stderr
    assert code is None or done.exit_code == code, (words, done.output)
    return done


@dataclass
class Side:
    """A party: its folder, its node while it is served, and its people's commands.

    Attributes:
        name: The party.
        folder: Where its files are.
    """

    name: str
    folder: Path
    port: int = field(default_factory=free_port)
    url: str = "http://127.0.0.1:9"
    _exits: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def set(self, key: str, value: str) -> None:
        """Set a key of the configuration, in which it stands as a comment; it counts from the next start."""
        file = self.folder / "keepclear.toml"
        text = file.read_text()
        assert f"#{key} = " in text
        lines = [f"{key} = {value}" if each.startswith(f"#{key} = ") else each for each in text.splitlines()]
        file.write_text("\n".join(lines) + "\n")

    @property
    def env(self) -> dict[str, str | None]:
        return {
            "KEEPCLEAR_CONFIG": str(self.folder / "keepclear.toml"),
            "KEEPCLEAR_NODE": self.url,
            "KEEPCLEAR_TOKEN_FILE": str(self.folder / "keepclear.token"),
            "KEEPCLEAR_PASSPHRASE": PASSPHRASE,
        }

    def make(self, officer: str) -> None:
        address = f"127.0.0.1:{self.port}"
        words = ("init", self.folder, "--party", self.name, "--person", officer, "--address", address)
        run(*words, env=self.env)

    def keepclear(self, *arguments: object, code: int | None = 0) -> str:
        """Run a command of this party's people; return what it prints."""
        return run(*arguments, env=self.env, code=code).output

    def json(self, *arguments: object, code: int | None = None) -> Any:
        return json.loads(run(*arguments, "--json", env=self.env, code=code).stdout)

    def status(self, item_id: str) -> Any:
        """Return how far an item is coordinated, as `keepclear status` tells it."""
        (item,) = self.json("status", item_id)["items"]
        return item

    def receipt(self, item_id: str, party: str) -> Any:
        return next(each for each in self.status(item_id)["receipts"] if each["party"] == party)

    def declare(self, *features: dict[str, Any], command: str = "declare", code: int | None = 0) -> str:
        file = self.folder / "plan.geojson"
        file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        return self.keepclear(command, file, code=code)

    def holds(self, item_id: str) -> bool:
        listed = run("list", "--all", "--format", "json", env=self.env).stdout
        return any(each["item"]["id"] == item_id for each in json.loads(listed)["items"])

    def start(self) -> None:
        """Serve the node until it is stopped."""
        settings = load_settings(str(self.folder / "keepclear.toml"), environment={})
        exits = contextlib.ExitStack()
        console = exits.enter_context(listening("127.0.0.1", 0))
        link = exits.enter_context(listening("127.0.0.1", self.port))
        running = _running(settings, KeyFolder(self.folder / "keys"), link)
        exits.enter_context(serving(running, console))
        self.url = f"http://127.0.0.1:{console.getsockname()[1]}"
        self._exits = exits

    def stop(self) -> None:
        self._exits.close()


def _running(settings: Settings, keys: KeyFolder, link: Any) -> RunningNode:
    party = PartyId(settings.node.party)
    notary = Notary(party, load_node_key(keys.node))
    store = SqliteStore(settings.node.database, durability=Durability.NORMAL)
    return RunningNode(
        Parts(
            settings=settings,
            store=store,
            access=Access(settings.node.database, clock.now),
            form=JsonForm(),
            clock=clock.now,
            voice=Voice(party=party, notary=notary, root_key_of=root_key_of),
            linked=lambda desk: Federation(desk, notary, keys, store.parties, link, clock=clock.now),
        )
    )


@contextlib.contextmanager
def parties(folder: Path, *names: str, records: bool = False) -> Iterator[list[Side]]:
    """Make and serve the nodes of these parties, not paired; each has the officer that is named after it.

    Args:
        folder: Where their folders go.
        names: The parties.
        records: Whether they record what conflicts; else their nodes refuse it.
    """
    sides = [Side(name=name, folder=folder / name) for name in names]
    with contextlib.ExitStack() as exits:
        for side in sides:
            side.make(OFFICERS[side.name])
            if records:
                side.set("conflicts", '"record"')
            side.start()
            exits.callback(side.stop)
        yield sides


def pair_one_way(side: Side, other: Side) -> None:
    """Have a party pin another: by its card, and by the words that are read of it."""
    card = other.folder / "own.card"
    card.write_text(other.keepclear("pair", "card"))
    lines = other.keepclear("pair", "words", card).splitlines()[1:]
    side.keepclear("pair", "add", card, "--words", " ".join(line.partition(": ")[2] for line in lines))


def pair(*sides: Side) -> None:
    """Have parties pin each other, and wait until their nodes are linked."""
    for side in sides:
        for other in sides:
            if other is not side:
                pair_one_way(side, other)

    def linked(side: Side) -> bool:
        states = [each["state"] for each in side.json("link", "list")["links"]]
        return states == ["up"] * (len(sides) - 1)

    for side in sides:
        until(lambda side=side: linked(side), f"the links of {side.name}")  # type: ignore[misc]


def at(minutes: float) -> str:
    """Return the time in so many minutes."""
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def operation(name: str, *, lower_m: float = 200.0, start_min: float = 30.0, **more: Any) -> dict[str, Any]:
    """Return an operation of an hour within 1.5 km of a point; heights of 400 m from the lower one on."""
    properties = {
        "id": name,
        "radius_m": 1500,
        "altitude_lower_m": lower_m,
        "altitude_upper_m": lower_m + 400.0,
        "altitude_datum": "W84",
        "time_start": at(start_min),
        "time_end": at(start_min + 60.0),
        **more,
    }
    point = {"type": "Point", "coordinates": [35.9, 35.4]}
    return {"type": "Feature", "properties": properties, "geometry": point}


def agreement(*between: str, **given: Any) -> dict[str, Any]:
    """Return what two parties could agree."""
    return {
        "version": 1,
        "terms": [{"party": party} for party in sorted(between)],
        "minima": {"lateral_m": 5556.0, "vertical_m": 914.4, "duration_s": 180.0},
        "buffer": {"lateral_m": 500.0, "vertical_m": 100.0, "time_s": 60.0},
        "timers": {"seen_s": 60.0, "answered_s": 300.0},
        "lead_s": 0.0,
        "lead_emergency_s": 0.0,
        **given,
    }


def agree(one: Side, other: Side, **given: Any) -> None:
    """Have one party propose an agreement and the other accept it."""
    file = one.folder / "agreement.json"
    file.write_text(json.dumps(agreement(one.name, other.name, **given)))
    one.keepclear("agree", "propose", file)

    def proposed() -> Sequence[Any]:
        told = other.json("agree", "show", "--with", one.name)["agreements"]
        return [each for each in told if other.name in each["between"] and not each["in_force"]]

    (told,) = until(proposed, "the proposal")
    other.keepclear("agree", "accept", told["digest"])

    def in_force() -> bool:
        told = one.json("agree", "show", "--with", other.name)["agreements"]
        return any(each["in_force"] and one.name in each["between"] for each in told)

    until(in_force, "the agreement")
