"""A receiver by others, dump1090-mutability of Debian: the same aircraft by each of its outputs.

It needs no radio: it is given the frames that an aircraft sends. The frames are made here, by the
formulas of the standard (ICAO Annex 10 volume IV, DO-260B). The package is looked for on the PATH or by
`KEEPCLEAR_DUMP1090`; else it is downloaded and unpacked into build/interop, never installed, so no service
starts. Where it cannot be had the tests are skipped, but not where `KEEPCLEAR_REQUIRE_PEERS` is set: there
they fail.
"""

from __future__ import annotations

import asyncio
import functools
import math
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import pytest

from keepclear.adapters.feeds.formats import FORMATS
from keepclear.core.feed_health import FeedState
from keepclear.core.reports import Reports
from tests.adapters.feeds.feeding import Taken, connected, free_port, run, running, until

pytestmark = pytest.mark.slow

PACKAGES: Final = ("dump1090-mutability", "librtlsdr0", "libusb-1.0-0")
FOLDER: Final = Path(__file__).parents[2] / "build" / "interop" / "dump1090"
NAME: Final = "dump1090-mutability"
DOWNLOAD_TIMEOUT_S: Final = 120

ADDRESS, CALLSIGN = 0x4B1814, "SWR123"
LATITUDE_DEG, LONGITUDE_DEG, ALTITUDE_FT = 46.5123, 7.0456, 36_000
EAST_KT, NORTH_KT = 300, 400
NEAR_DEG = 0.0005  # the steps of positions, and of the text in which they come


# -- the frames of an aircraft ------------------------------------------------------------------------


def frame(message: int) -> bytes:
    """Return an extended squitter (DF 17) with a message of 56 bits, as text with its parity."""
    data = (0b10001 << 3 | 5) << 80 | ADDRESS << 56 | message
    rest = data << 24
    for bit in range(111, 23, -1):
        if rest >> bit & 1:
            rest ^= 0x1FFF409 << (bit - 24)
    return b"*%028X;\n" % (data << 24 | rest)


def zones(latitude_deg: float) -> int:
    """Return the number of zones of longitude at a latitude."""
    a = 1 - math.cos(math.pi / 30)
    return math.floor(2 * math.pi / math.acos(1 - a / math.cos(math.radians(latitude_deg)) ** 2))


def position(is_odd: int) -> bytes:
    height_deg = 360 / (60 - is_odd)
    y = math.floor(2**17 * (LATITUDE_DEG % height_deg) / height_deg + 0.5)
    coded_deg = height_deg * (y / 2**17 + LATITUDE_DEG // height_deg)
    width_deg = 360 / max(zones(coded_deg) - is_odd, 1)
    x = math.floor(2**17 * (LONGITUDE_DEG % width_deg) / width_deg + 0.5)
    steps = (ALTITUDE_FT + 1000) // 25
    altitude = steps >> 4 << 5 | 1 << 4 | steps & 0xF
    return frame(11 << 51 | altitude << 36 | is_odd << 34 | y % 2**17 << 17 | x % 2**17)


def velocity() -> bytes:
    return frame(19 << 51 | 1 << 48 | (EAST_KT + 1) << 32 | (NORTH_KT + 1) << 21 | 1 << 10)


def identity() -> bytes:
    letters = "#ABCDEFGHIJKLMNOPQRSTUVWXYZ##### ###############0123456789######"
    word = 0
    for letter in CALLSIGN.ljust(8):
        word = word << 6 | letters.index(letter)
    return frame(4 << 51 | 3 << 48 | word)


ALL: Final = identity() + velocity() + position(0) + position(1)


# -- the receiver -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Receiver:
    """A running receiver: its ports, and the folder in which it writes aircraft.json."""

    raw_in: int
    raw_out: int
    sbs: int
    beast: int
    folder: Path


@pytest.fixture(scope="module")
def program() -> Path:
    """Return where the receiver is; skip the test, or fail, where it cannot be had."""
    named = os.environ.get("KEEPCLEAR_DUMP1090") or shutil.which(NAME)
    if named:
        return Path(named)
    unpacked = FOLDER / "usr" / "bin" / NAME
    if not unpacked.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        try:
            do("apt-get", "download", "-qq", *PACKAGES)
            for package in sorted(FOLDER.glob("*.deb")):
                do("dpkg", "-x", package.name, ".")
        except (OSError, subprocess.SubprocessError) as error:
            give_up(f"it cannot be downloaded: {error} {getattr(error, 'stderr', '')}")
    return unpacked


def do(*command: str) -> None:
    subprocess.run(
        command, cwd=FOLDER, capture_output=True, text=True, check=True, timeout=DOWNLOAD_TIMEOUT_S
    )


def give_up(reason: str) -> NoReturn:
    told = f"no {NAME} to compare with: {reason}"
    if os.environ.get("KEEPCLEAR_REQUIRE_PEERS"):
        pytest.fail(told)
    pytest.skip(told)


@contextmanager
def receiving(program: Path, folder: Path) -> Iterator[Receiver]:
    ports = [free_port() for _ in range(4)]
    names = ("--net-ri-port", "--net-ro-port", "--net-sbs-port", "--net-bo-port")
    libraries = [str(path) for path in (program.parents[1] / "lib").glob("*-linux-gnu")]
    process = subprocess.Popen(
        [
            str(program),
            *("--net-only", "--quiet", "--net-bind-address", "127.0.0.1", "--net-bi-port", "0"),
            *[word for name, port in zip(names, ports, strict=True) for word in (name, str(port))],
            *("--write-json", str(folder), "--write-json-every", "0.2"),
        ],
        env={**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield Receiver(raw_in=ports[0], raw_out=ports[1], sbs=ports[2], beast=ports[3], folder=folder)
        assert process.poll() is None, process.stderr and process.stderr.read()
    finally:
        process.kill()
        process.communicate()


# -- the tests ----------------------------------------------------------------------------------------


def is_right(reports: Reports) -> bool:
    """Tell whether reports are of the aircraft, and right in all that is known of it by now."""
    assert set(reports.ids) == {f"icao:{ADDRESS:06x}"}
    assert abs(reports.latitude_deg - LATITUDE_DEG).max() < NEAR_DEG
    assert abs(reports.longitude_deg - LONGITUDE_DEG).max() < NEAR_DEG
    return bool(
        reports.callsigns[-1] == CALLSIGN
        and reports.pressure_altitude_ft[-1] == ALTITUDE_FT
        and abs(reports.ground_speed_mps[-1] - 500 * 1852 / 3600) < 0.6
        and abs(reports.track_deg[-1] - math.degrees(math.atan2(EAST_KT, NORTH_KT))) < 0.6
        and reports.vertical_rate_mps[-1] == 0.0
    )


def test_each_output_of_the_receiver_tells_the_same_aircraft(program: Path, tmp_path: Path) -> None:
    async def main() -> None:
        taken = Taken()
        with receiving(program, tmp_path) as there:
            feeds_of = [
                f"sbs=sbs://127.0.0.1:{there.sbs}",
                f"json=dump1090:{there.folder}/aircraft.json?every=0.1",
            ]
            if not FORMATS["beast"].lacks_extra:
                feeds_of += [f"beast=beast://127.0.0.1:{there.beast}", f"raw=raw://127.0.0.1:{there.raw_out}"]
            async with running(taken, *feeds_of) as feeds:
                names = [health.name for health in feeds.health()]
                sending = asyncio.ensure_future(send(there.raw_in))
                try:
                    for name in names:
                        await until(functools.partial(is_told_by, taken, name))
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
                for health in feeds.health():
                    assert (health.malformed_count, health.refused_count) == (0, 0), health
                    assert health.state is FeedState.LIVE

    run(main)


def is_told_by(taken: Taken, name: str) -> bool:
    are_right = [is_right(batch) for batch in taken.batches if batch.source == name]  # each is looked at
    return any(are_right)


async def send(port: int) -> None:
    """Send the frames of the aircraft again and again."""
    _, writer = await connected(port)
    try:
        while True:
            writer.write(ALL)
            await writer.drain()
            await asyncio.sleep(0.05)
    finally:
        writer.transport.abort()
