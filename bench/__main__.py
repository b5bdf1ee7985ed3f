"""Measure everything and print one table: `python -m bench --help`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench import (
    api,
    command,
    conformance,
    console,
    declares,
    dss_hostile,
    dss_http_races,
    dss_kill,
    dss_load,
    dss_pairs,
    dss_races,
    dss_sweep,
    encounter_accuracy,
    encounters,
    hotline,
    indexing,
    kills,
    links,
    live_chain,
    logs,
    measure,
    nuisance,
    postgis,
    races,
    resolution,
    simulation,
    strtree,
    tracking,
)
from bench.measure import Row
from bench.served import ROOT

PEERS: Final = ("strtree", "postgis", "bluesky")
SUITES: Final = (
    "index",
    "peers",
    "command",
    "resolution",
    "encounters",
    "accuracy",
    "tracking",
    "nuisance",
    "conformance",
    "live",
    "declares",
    "races",
    "kills",
    "api",
    "logs",
    "links",
    "hotline",
    "simulation",
    "console",
    "dss_load",
    "dss_races",
    "dss_kill",
    "dss_hostile",
    "dss_sweep",
    "dss_pairs",
)
FOLDER: Final = ROOT / "build" / "bench"
_UNITS: Final = {"k": 1_000, "m": 1_000_000}
_SIZE_MIN: Final = 10_000


def _size(text: str) -> int:
    unit = _UNITS.get(text[-1:].lower(), 1)
    size = int(text[:-1] if unit > 1 else text) * unit
    if size < _SIZE_MIN:
        raise argparse.ArgumentTypeError(f"the generator makes {_SIZE_MIN:,} volumes or more")
    return size


def _sizes(text: str) -> list[int]:
    return [_size(part) for part in text.split(",")]


def _peers(text: str) -> list[str]:
    peers = [part for part in text.split(",") if part and part != "none"]
    for peer in peers:
        if peer not in PEERS:
            raise argparse.ArgumentTypeError(f"unknown peer {peer!r}; there are {', '.join(PEERS)}, none")
    return peers


def _suites(text: str) -> list[str]:
    suites = [part for part in text.split(",") if part]
    for suite in suites:
        if suite not in SUITES:
            raise argparse.ArgumentTypeError(f"unknown suite {suite!r}; there are {', '.join(SUITES)}")
    return suites


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Print every figure of speed, and peers beside it."
    )
    parser.add_argument(
        "--sizes",
        type=_sizes,
        default=None,
        help="how many volumes, for example 10k,100k,1M (default: these)",
    )
    parser.add_argument(
        "--peers", type=_peers, default=list(PEERS), help=f"{','.join(PEERS)} (default: all), or none"
    )
    parser.add_argument(
        "--only",
        type=_suites,
        default=list(SUITES),
        help=f"some suites alone, of {','.join(SUITES)}; peers need the index, which is then measured too",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=FOLDER,
        help="where databases are put, on the disk that is measured (default: build/bench); what is there "
        "of a run before is used again",
    )
    parser.add_argument(
        "--tracks",
        type=Path,
        metavar="FILE",
        help="switzerland.json.gz of the package traffic, for nuisance (default: where it is installed, or "
        "fetched, 28 MB)",
    )
    parser.add_argument(
        "--live-s", type=int, metavar="SECONDS", help="how long the live chain runs (default: 60)"
    )
    parser.add_argument(
        "--postgres",
        metavar="URL",
        help="a PostgreSQL server, postgresql://..., for the dss suites, or the word embedded for that of "
        "the tests; each run gets a database of its own there (default: SQLite alone)",
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file, in seconds")
    parser.add_argument(
        "--quick", action="store_true", help="10k volumes, and fewer of all: does it run? Not for figures"
    )
    parser.add_argument(
        "--full", action="store_true", help="PostGIS also above 100k volumes, with all pairs; takes long"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for.

    Returns:
        1 where an engine or the STRtree answers otherwise, or something that must hold does not, else 0.
    """
    options = _parser().parse_args(arguments)
    sizes = options.sizes or ([10_000] if options.quick else [10_000, 100_000, 1_000_000])
    about = measure.machine() | {"load before": measure.load_average()}
    rows: list[Row] = []
    try:
        peers = [peer for peer in options.peers if peer != "bluesky" and "peers" in options.only]
        if peers or "index" in options.only:
            _measure_index(rows, sizes, peers, quick=options.quick, full=options.full)
        _measure_processes(rows, options.only, quick=options.quick)
        _measure_encounters(rows, options.only, peer="bluesky" in options.peers, quick=options.quick)
        if "tracking" in options.only:
            _progress("the track table")
            tracking.bench_tracking(rows, quick=options.quick)
        if "nuisance" in options.only:
            _progress("false alerts and warnings on real traffic")
            nuisance.bench_nuisance(rows, options.tracks, quick=options.quick)
        if "conformance" in options.only:
            _progress("tracks against declarations")
            conformance.bench_conformance(rows, quick=options.quick)
        if "live" in options.only:
            _progress("the live chain")
            live_chain.bench_live(rows, quick=options.quick, lasting_s=options.live_s)
        _measure_node(rows, options.only, options.folder.resolve(), quick=options.quick)
        _measure_dss(rows, options.only, options.folder.resolve(), options.postgres, quick=options.quick)
    finally:  # minutes of measuring are not lost when something fails
        about["load after"] = measure.load_average()
        for name, value in about.items():
            print(f"{name}: {value}")
        print()
        print(measure.table(rows))
    if options.json is not None:
        figures = {"machine": about, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 1 if any(word in row.answer for row in rows for word in (measure.DIFFERENT, measure.BROKEN)) else 0


def _measure_index(
    rows: list[Row], sizes: Sequence[int], peers: Sequence[str], *, quick: bool, full: bool
) -> None:
    with contextlib.ExitStack() as stack:
        server = None
        if "postgis" in peers:
            reason = postgis.unavailable()
            if reason is None:
                _progress("starting PostGIS")
                server = stack.enter_context(postgis.private_server())
            else:
                rows.append(Row(what="PostGIS", note=f"not available: {reason}"))
        for size in sizes:
            _progress(f"our index, {size:,} volumes")
            store = indexing.bench_index(size, rows, quick=quick)
            if "strtree" in peers:
                _progress(f"STRtree, {size:,} volumes")
                strtree.bench_strtree(store, rows)
            if server is not None and (full or size <= postgis.SIZE_MAX):
                _progress(f"PostGIS, {size:,} volumes")
                postgis.bench_postgis(server, store, rows)


def _measure_processes(rows: list[Row], only: Sequence[str], *, quick: bool) -> None:
    if "command" in only:
        _progress("the command line")
        command.bench_command(rows, quick=quick)
    if "resolution" in only:
        _progress("resolution")
        resolution.bench_resolve(rows, quick=quick)


def _measure_encounters(rows: list[Row], only: Sequence[str], *, peer: bool, quick: bool) -> None:
    if "encounters" in only:
        _progress("encounters of tracks")
        encounters.bench_encounters(rows, peer=peer, quick=quick)
    if "accuracy" in only:
        _progress("whether encounters are right")
        encounter_accuracy.bench_accuracy(rows, quick=quick)


def _measure_node(rows: list[Row], only: Sequence[str], folder: Path, *, quick: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if "declares" in only:
        _progress("declarations")
        declares.bench_declares(rows, folder, quick=quick)
    if "races" in only:
        _progress("races")
        races.bench_races(rows, folder, quick=quick)
    if "kills" in only:
        _progress("kills")
        kills.bench_kills(rows, folder, quick=quick)
    if "api" in only:
        _progress("a node, asked by clients")
        api.bench_api(rows, folder, quick=quick)
        _progress("a node, started")
        api.bench_cold_start(rows, folder, quick=quick)
    if "logs" in only:
        _progress("signed logs, proofs and signatures")
        logs.bench_logs(rows, folder, quick=quick)
    if "links" in only:
        _progress("two nodes and their link")
        links.bench_links(rows, folder, quick=quick)
    if "hotline" in only:
        _progress("messages between two nodes")
        hotline.bench_hotline(rows, folder, quick=quick)
    if "simulation" in only:
        _progress("simulations")
        simulation.bench_simulation(rows, quick=quick)
    if "console" in only:
        _progress("the console in a browser")
        console.bench_console(rows, quick=quick)


def _measure_dss(rows: list[Row], only: Sequence[str], folder: Path, dsn: str | None, *, quick: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    dsn = _embedded_server() if dsn == "embedded" else dsn
    if "dss_load" in only:
        _progress("a discovery and synchronization service under load")
        dss_load.bench_dss_load(rows, folder, dsn=dsn, quick=quick)
    if "dss_races" in only:
        _progress("races at the store of such a service")
        dss_races.bench_store_races(rows, folder, dsn=dsn, quick=quick)
        _progress("races at such a service")
        dss_http_races.bench_dss_races(rows, folder, dsn=dsn, quick=quick)
    if "dss_kill" in only:
        _progress("such a service, killed")
        dss_kill.bench_dss_kills(rows, folder, dsn=dsn, quick=quick)
    if "dss_hostile" in only:
        _progress("what is sent to such a service to harm it")
        dss_hostile.bench_dss_hostile(rows, folder, quick=quick)
    if "dss_sweep" in only:
        _progress("such a service when much is over at once")
        dss_sweep.bench_dss_sweep(rows, folder, dsn=dsn, quick=quick)
    if "dss_pairs" in only:
        _progress("what meets at such a service, against S2")
        dss_pairs.bench_dss_pairs(rows, quick=quick)


def _embedded_server() -> str:
    """Start the PostgreSQL server of the tests, until this process ends; return its URL."""
    from tests import postgres

    return postgres.server()


def _progress(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
