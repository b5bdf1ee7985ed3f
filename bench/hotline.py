"""How soon a message of one party is told at the other: two nodes as two processes, over mutual TLS.

Messages are signed with an officer's key in this process, given to alpha at a steady rate, and are told at
bravo once an answer to a question there shows them: bravo's stream says that there is something new, and
then it is asked, as a console does. The time is from sending the request to alpha. All of it runs on one
machine, so the network takes no time, and both nodes and the clients share its cores.
"""

from __future__ import annotations

import http.client
import secrets
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from bench import measure
from bench.api import Request
from bench.linked import OFFICER, PASSPHRASE, LinkedNode, Streaming, linked_nodes
from bench.measure import Row
from bench.writers import ask
from keepclear.adapters import clock
from keepclear.adapters.keys import KeyFolder, load_locked_key
from keepclear.adapters.notary import sign_deed
from keepclear.adapters.signing import SigningKey
from keepclear.core.intents import PartyId
from keepclear.core.messages import Code, Message, Priority
from keepclear.core.times import floor_ms

RATE: Final = 50
"""So many messages are sent a second."""
LASTING_S: Final = 30
"""So long they are sent."""
SENDERS: Final = 4
"""So many clients send them, in turn: one that waits for an answer does not hold up the next message."""

_COMES_S: Final = 20.0
_WARM_COUNT: Final = 20
_VALID_MS: Final = 3_600_000
_PAGE: Final = 100


def bench_hotline(
    rows: list[Row], folder: Path, *, rate: int = RATE, lasting_s: int = LASTING_S, quick: bool = False
) -> None:
    """Measure messages from one node to another, and append the rows.

    Args:
        rows: Where the rows go.
        folder: Where the nodes are made, on the disk that is measured.
        rate: How many are sent a second.
        lasting_s: How long.
        quick: Two seconds only.
    """
    if quick:
        lasting_s = 2
    with (
        tempfile.TemporaryDirectory(prefix="hotline-", dir=folder) as name,
        linked_nodes(Path(name)) as nodes,
    ):
        alpha, bravo = nodes
        key = load_locked_key(KeyFolder(Path(name) / alpha.party / "keys").officer(OFFICER), PASSPHRASE)
        with closing(Told(bravo, alpha.party)) as told:
            _sent(alpha, key, "warm", _WARM_COUNT, RATE)
            told.wait_for([f"warm {number}" for number in range(_WARM_COUNT)])
            cpu_start = _cpu_s(alpha, bravo)
            sent = _sent(alpha, key, "timed", rate * lasting_s, rate)
            lost = told.wait_for(sorted(sent))
            cpu_s = (_cpu_s(alpha, bravo) - cpu_start) / len(sent)
        rows.append(_row(sent, told, lost, cpu_s, rate, _doubled(bravo, alpha.party, sent)))


def _row(sent: dict[str, float], told: Told, lost: int, cpu_s: float, rate: int, doubled: int) -> Row:
    if len(sent) == lost:
        raise RuntimeError(f"none of {lost:,} messages came")
    took_s = [told.at_s[text] - sent_s for text, sent_s in sent.items() if text in told.at_s]
    p50, p95, p99 = (float(each) for each in np.percentile(took_s, (50, 95, 99)))
    fault = f", {measure.BROKEN}" if lost or doubled else ""
    return Row(
        what=f"hotline, {rate} messages/s, sent at A until told at B",
        p50_s=p50,
        p95_s=p95,
        cpu_s=cpu_s,
        answer=f"p99 {p99 * 1e3:.0f} ms, {lost} lost, {doubled} doubled{fault}",
        note=(
            f"goal p99 <= 1 s; {len(sent):,} signed one by one, {SENDERS} clients; B's stream says that "
            f"there is something new, then it is asked; one run; CPU of both nodes; "
            f"load {measure.load_average()}"
        ),
    )


def _sent(alpha: LinkedNode, key: SigningKey, name: str, count: int, rate: int) -> dict[str, float]:
    """Send so many messages at a steady rate; return when each was, by its text and `perf_counter`.

    Raises:
        RuntimeError: One was refused, or the rate could not be kept.
    """
    requests = [(f"{name} {number}", _request(alpha, key, f"{name} {number}")) for number in range(count)]
    sent: dict[str, float] = {}
    errors: list[str] = []
    begin_s = time.perf_counter() + 0.1

    def work(first: int) -> None:
        with closing(alpha.client()) as client:
            for number in range(first, count, SENDERS):
                text, request = requests[number]
                time.sleep(max(0.0, begin_s + number / rate - time.perf_counter()))
                sent[text] = time.perf_counter()
                status, body = ask(client, request)
                if status != request.status:
                    errors.append(f"{text} was answered with {status}: {body[:300]!r}")
                    return

    threads = [threading.Thread(target=work, args=(first,)) for first in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RuntimeError(errors[0])
    took_s = max(sent.values()) - begin_s
    if took_s > 1.1 * count / rate + 1.0:
        raise RuntimeError(f"{count:,} messages took {took_s:.1f} s: {rate}/s could not be kept")
    return sent


def _request(alpha: LinkedNode, key: SigningKey, text: str) -> Request:
    at_ms = floor_ms(clock.now())
    message = Message(
        code=Code.FREE_TEXT,
        to=PartyId(alpha.peer),
        fields=(("text", text),),
        priority=Priority.ROUTINE,
        valid_until_ms=at_ms + _VALID_MS,
    )
    jws = sign_deed(
        message,
        key,
        party=PartyId(alpha.party),
        person=OFFICER,
        at_ms=at_ms,
        nonce=secrets.token_urlsafe(16),
    )
    return Request("POST", "/v1/deeds", msgspec.json.encode({"jws": jws}), status=http.client.OK)


def _texts(node: LinkedNode, party: str, before: str | None = None) -> tuple[list[str], str | None]:
    """Return the texts of a page of messages, the newest first, and where the next one begins."""
    more = "" if before is None else f"&before={before}"
    page = node.told(f"/v1/messages?with={party}&limit={_PAGE}{more}")
    return [each["fields"].get("text", "") for each in page["messages"]], page["next"]


def _doubled(bravo: LinkedNode, party: str, sent: dict[str, float]) -> int:
    """Return how many messages are at a node more than once."""
    found: Counter[str] = Counter()
    before: str | None = None
    while True:
        texts, before = _texts(bravo, party, before)
        found.update(texts)
        if before is None:
            return sum(count - 1 for text, count in found.items() if text in sent)


class Told(Streaming):
    """Asks a node for messages as soon as its stream says that there is something new.

    Args:
        node: The node.
        party: Whose messages.

    Raises:
        OSError: It cannot be reached.
    """

    def __init__(self, node: LinkedNode, party: str) -> None:
        self.at_s: dict[str, float] = {}
        self._node, self._party = node, party
        super().__init__(node)

    def heard(self, line: bytes) -> None:
        """Take a line of the stream."""
        if line.strip() == b"event: hotline":
            self._look()

    def _look(self) -> None:
        """Read pages until one has something that is known already, or there is none."""
        before: str | None = None
        while True:
            texts, before = _texts(self._node, self._party, before)
            now_s = time.perf_counter()
            with self._news:
                new = [text for text in texts if text not in self.at_s]
                self.at_s.update(dict.fromkeys(new, now_s))
                self._news.notify_all()
            if before is None or len(new) < len(texts):
                return

    def wait_for(self, texts: Sequence[str]) -> int:
        """Wait until these have come; return how many have not."""
        with self._news:
            self._news.wait_for(lambda: all(text in self.at_s for text in texts), _COMES_S)
            return sum(text not in self.at_s for text in texts)


def _cpu_s(*nodes: LinkedNode) -> float:
    return sum(node.process.cpu_s() for node in nodes)
