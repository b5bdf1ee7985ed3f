"""Decoding in a process of its own: what it tells is taken; when it dies, another goes on."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keepclear.adapters.feeds import child
from keepclear.adapters.feeds import feeds as feeds_module
from keepclear.adapters.feeds.child import FRAME
from keepclear.adapters.feeds.decoder import decode_all
from keepclear.codec.decoding import Decoded, Malformed
from keepclear.codec.report_lines import ReportLinesDecoder
from keepclear.core.feed_health import FeedState
from keepclear.core.reports import Report
from tests.adapters.feeds.feeding import AT_MS, Taken, of, other, run, running, until

pytestmark = pytest.mark.slow  # processes are started

SCRIPT = """
import json, struct, sys
frame = struct.Struct(">QI")
read, tell = sys.stdin.buffer.read, lambda line: print(json.dumps(line), file=sys.stderr, flush=True)
while len(head := read(frame.size)) == frame.size:
    received_ms, length = frame.unpack(head)
    for word in read(length).decode().split():
        if word == "die":
            sys.exit("it cannot go on")
        elif word == "bad":
            tell([3, "it is bad", "bad"])
        elif word == "long":
            print("x" * 1_000_000, file=sys.stderr, flush=True)
        elif word == "hang":
            while True:
                pass
        else:
            told = {"id": "name:" + word, "at_ms": received_ms, "lat": 46.5, "lng": 7.0}
            print(json.dumps(told), flush=True)
print(json.dumps({"id": "name:end", "at_ms": received_ms, "lat": 46.5, "lng": 7.0}), flush=True)
"""


@pytest.fixture(autouse=True)
def _fake_decoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "decoder.py"
    script.write_text(SCRIPT)
    monkeypatch.setattr(child, "command", lambda *_: (sys.executable, "-I", "-S", str(script)))
    monkeypatch.setattr("keepclear.adapters.feeds.formats.find_spec", lambda _: object())
    monkeypatch.setattr("keepclear.adapters.feeds.lost.BACKOFF_FIRST_S", 0.01)
    monkeypatch.setattr(feeds_module, "HAND_OVER_S", 0.005)


def test_what_the_process_tells_is_taken() -> None:
    async def main() -> None:
        taken = Taken()
        async with other() as server, running(taken, f"beast://127.0.0.1:{server.port}") as feeds:
            await until(lambda: server.count)
            server.say(b"a bad long b ")
            await until(lambda: taken.ids() == ["name:a", "name:b"])
            await until(lambda: of(feeds, "beast-1").malformed_count == 3)
            health = of(feeds, "beast-1")
            assert (health.state, health.bytes_count) == (FeedState.LIVE, 13)
            assert health.samples[-1][1:] == ("it is bad", "bad")
            server.drop()
            await until(lambda: "name:end" in taken.ids())

    run(main)


def test_when_it_dies_it_is_told_and_another_goes_on() -> None:
    async def main() -> None:
        taken = Taken()
        async with other() as server, running(taken, f"raw://127.0.0.1:{server.port}") as feeds:
            await until(lambda: server.count)
            server.say(b"a die ")
            await until(lambda: "its decoder ended: it cannot go on" in str(of(feeds, "raw-1").last_problem))
            await until(lambda: server.accepted == 2 and server.count)
            server.say(b"b ")
            await until(lambda: taken.ids() == ["name:a", "name:b"])
            assert of(feeds, "raw-1").reconnect_count == 1

    run(main)


def test_one_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LAST_WORDS_S_MAX", 0.05)

    async def main() -> None:
        async with other() as server, running(Taken(), f"raw://127.0.0.1:{server.port}") as feeds:
            await until(lambda: server.count)
            server.say(b"hang ")
            await until(lambda: of(feeds, "raw-1").bytes_count)
            server.drop()
            await until(lambda: "its decoder does not end" in str(of(feeds, "raw-1").last_problem))

    run(main)


def test_one_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "command", lambda *_: ("/nowhere/python",))

    async def main() -> None:
        async with other() as server, running(Taken(), f"raw://127.0.0.1:{server.port}") as feeds:
            await until(lambda: "its decoder cannot be started" in str(of(feeds, "raw-1").last_problem))

    run(main)


def test_closing_the_feeds_ends_it_at_once() -> None:
    async def main() -> None:
        taken = Taken()
        async with other() as server:
            async with running(taken, f"raw://127.0.0.1:{server.port}"):
                await until(lambda: server.count)
                server.say(b"a hang ")
                await until(taken.ids)
                started_s = time.monotonic()
            assert time.monotonic() - started_s < 1.0

    run(main)


def test_the_node_itself_never_loads_the_library() -> None:
    program = "import sys, keepclear.adapters.feeds.feeds; print('pyModeS' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_process_writes_reports_as_lines_and_what_it_does_not_take_as_malformed() -> None:
    class Decoder:
        def decode(self, data: bytes, received_ms: int) -> Decoded:
            reports = [Report("name:a", received_ms, 46.5, 7.0), Report("name:b", received_ms, 99.0, 7.0)]
            return Decoded(reports, [Malformed(2, "it is bad", data.decode())])

        def finish(self, received_ms: int) -> Decoded:
            return Decoded([Report("name:end", received_ms, 46.5, 7.0)], [])

    pieces, reports, faults = (
        io.BytesIO(FRAME.pack(AT_MS, 3) + b"xyz" + FRAME.pack(AT_MS, 0)[:5]),
        io.BytesIO(),
        io.BytesIO(),
    )
    decode_all(Decoder(), pieces, reports, faults)
    told = ReportLinesDecoder().decode(reports.getvalue(), 0)
    assert [(report.id, report.at_ms) for report in told.reports] == [("name:a", AT_MS), ("name:end", AT_MS)]
    first, second = faults.getvalue().splitlines()
    assert json.loads(first) == [2, "it is bad", "xyz"]
    assert json.loads(second)[0::2] == [1, "name:b"]
