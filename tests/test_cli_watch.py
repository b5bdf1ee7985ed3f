"""`keepclear watch`: what it tells, what it refuses, and how it ends."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from keepclear.cli_watch import watch
from keepclear.core.geodesy import geodesic_direct

START_MS = 1_777_636_800_000


def run(*arguments: str, text: str | None = None) -> Result:
    """Run it in a thread of its own: other tests may keep an event loop in this one."""
    with ThreadPoolExecutor(1) as threads:
        runner = CliRunner()
        return threads.submit(runner.invoke, watch, arguments, input=text, catch_exceptions=False).result()


def recording(folder: Path, *, seconds: int = 60, apart_m: float = 3_000.0, bad: int = 0) -> str:
    """Write two aircraft that fly side by side, and lines that are none; return the path."""
    lines = []
    for second in range(seconds):
        for name, beside_m in (("icao:aaaaaa", 0.0), ("icao:bbbbbb", apart_m)):
            lat, lng = geodesic_direct(35.0, 36.0, 90.0, 100.0 * second)
            lat, lng = geodesic_direct(float(lat), float(lng), 0.0, beside_m)
            line = {
                "id": name,
                "at_ms": START_MS + 1_000 * second,
                "lat": float(lat),
                "lng": float(lng),
                "pressure_altitude_ft": 30_000,
                "ground_speed_mps": 100.0,
                "track_deg": 90.0,
                "vertical_rate_mps": 0.0,
            }
            lines.append(json.dumps(line))
    lines += ["{"] * bad
    path = folder / "seen.ndjson.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return str(path)


def test_two_that_are_too_close_are_told_once_and_the_exit_code_says_so(tmp_path: Path) -> None:
    found = run(recording(tmp_path), "--fast")
    assert found.exit_code == 1
    opened = [line for line in found.stdout.splitlines() if "  opened  " in line]
    assert len(opened) == 1
    assert "icao:aaaaaa and icao:bbbbbb are too close: 3.0 km" in opened[0]
    assert "2 aircraft" in found.stderr
    assert "1 alert: 1 encounter" in found.stderr


def test_as_json_each_line_is_an_object_with_its_numbers(tmp_path: Path) -> None:
    found = run(recording(tmp_path), "--fast", "--format", "json")
    events = [json.loads(line) for line in found.stdout.splitlines()]
    assert events[0]["change"] == "opened"
    assert events[0]["is_present"] is True
    assert events[0]["facts"]["d_now_m"] == pytest.approx(3_000.0, abs=5.0)


def test_those_that_keep_apart_are_no_alert(tmp_path: Path) -> None:
    found = run(recording(tmp_path, apart_m=30_000.0), "--fast")
    assert found.stdout == ""
    assert "no alert" in found.stderr
    assert found.exit_code in {0, 3}


def test_what_was_not_understood_is_told_at_the_end(tmp_path: Path) -> None:
    found = run(recording(tmp_path, bad=3), "--fast")
    assert "3 of 123 not understood" in found.stderr


def test_reports_of_another_time_are_not_taken_and_that_is_told(tmp_path: Path) -> None:
    lines = gzip.decompress(Path(recording(tmp_path, seconds=3)).read_bytes()).decode()
    found = run("ndjson:-", text=lines)
    assert found.exit_code == 3
    assert "0 aircraft" in found.stderr
    assert "nothing" not in found.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere.xyz",), "neither an address nor a recording"),
        (("sbs://host",), "port"),
        (("ndjson:-", "--rules", "en-rout"), "did you mean 'en-route'"),
        (("ndjson:-", "--declared", "missing.geojson"), "missing.geojson"),
        (("ndjson:-", "--cycle", "nan"), "must be a number"),
        (("ndjson:-", "--record", "/proc/nope"), "nothing can be written there"),
        (("ndjson:-", "--fast"), "only recordings"),
        (("ndjson:-", "--fast", "--format", "table"), "lines or json"),
        ((".",), "format=kcr"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(arguments: tuple[str, ...], told: str) -> None:
    found = run(*arguments)
    assert found.exit_code == 2
    assert told in found.stderr


def test_what_is_recorded_is_replayed_alike(tmp_path: Path) -> None:
    first = run(recording(tmp_path), "--fast", "--record", str(tmp_path / "kept"))
    again = run(f"{tmp_path / 'kept'}?format=kcr", "--fast")
    changes = [[line.split("  ")[2:5] for line in found.stdout.splitlines()] for found in (first, again)]
    assert changes[0] == changes[1]
    assert changes[0]
