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

from bench import command, indexing, measure, postgis, resolution, strtree
from bench.measure import Row

PEERS: Final = ("strtree", "postgis")
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
        "--peers", type=_peers, default=list(PEERS), help="strtree,postgis (default: both), or none"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file, in seconds")
    parser.add_argument(
        "--quick", action="store_true", help="10k volumes, and fewer queries: does it run? Not for figures"
    )
    parser.add_argument(
        "--full", action="store_true", help="PostGIS also above 100k volumes, with all pairs; takes long"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; 1 where an engine or the STRtree answers otherwise, else 0."""
    options = _parser().parse_args(arguments)
    sizes = options.sizes or ([10_000] if options.quick else [10_000, 100_000, 1_000_000])
    about = measure.machine() | {"load before": measure.load_average()}
    rows: list[Row] = []
    try:
        _measure(rows, sizes, options.peers, quick=options.quick, full=options.full)
    finally:  # minutes of measuring are not lost when something fails
        about["load after"] = measure.load_average()
        for name, value in about.items():
            print(f"{name}: {value}")
        print()
        print(measure.table(rows))
    if options.json is not None:
        figures = {"machine": about, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 1 if any(measure.DIFFERENT in row.answer for row in rows) else 0


def _measure(rows: list[Row], sizes: Sequence[int], peers: Sequence[str], *, quick: bool, full: bool) -> None:
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
    _progress("the command line")
    command.bench_command(rows, quick=quick)
    _progress("resolution")
    resolution.bench_resolve(rows, quick=quick)


def _progress(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
