"""The command line: arguments in, answers on stdout, messages on stderr, an exit code that scripts use.

Only click is imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from keepclear import __version__

if TYPE_CHECKING:
    from keepclear.codec.reading import Gathered, ReadSettings
    from keepclear.core.conflicts import Buffer

EXIT_CLEAR: Final = 0
EXIT_CONFLICT: Final = 1
EXIT_BAD_INPUT: Final = 2
EXIT_CANNOT_DECIDE: Final = 3
EXIT_ABORTED: Final = 130
EXIT_NOBODY_READS: Final = 141
_DEBUG: Final = "KEEPCLEAR_DEBUG"

_EXITS = """
Exit codes: 0 clear; 1 conflicts, or a notice is required; 2 bad usage or bad input (no verdict);
3 could not decide.
"""
_PROGRESS_AFTER_S: Final = 1.0
_LARGE_FILE_BYTES: Final = 5_000_000
_CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _invalid(error: Exception, option: str) -> click.BadParameter:
    return click.BadParameter(str(error), param_hint=f"'{option}'")


class _Gaps(click.ParamType):  # type: ignore[type-arg]  # not generic at run time in older releases
    """Up to three gaps: lateral, vertical, time."""

    name = "LATERAL[,VERTICAL[,TIME]]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Buffer:
        from keepclear.core.conflicts import Buffer
        from keepclear.core.errors import InvalidValueError
        from keepclear.core.units import parse_duration_s, parse_length_m

        if isinstance(value, Buffer):
            return value
        parts = str(value).split(",")
        if len(parts) > 3:
            self.fail("give at most three gaps: lateral, vertical, time, such as 500m,100m,60s", param, ctx)
        try:
            gaps = [
                read(part)
                for read, part in zip((parse_length_m, parse_length_m, parse_duration_s), parts, strict=False)
            ]
            gaps += [0.0] * (3 - len(gaps))
            return Buffer(lateral_m=gaps[0], vertical_m=gaps[1], time_s=gaps[2])
        except InvalidValueError as error:
            self.fail(str(error), param, ctx)


class _Quantity(click.ParamType):  # type: ignore[type-arg]  # not generic at run time in older releases
    """A number with a unit."""

    def __init__(self, name: str, reader: str) -> None:
        self.name, self._reader = name, reader

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from keepclear.core import units
        from keepclear.core.errors import InvalidValueError

        if isinstance(value, float):
            return value
        try:
            return float(getattr(units, self._reader)(str(value)))
        except InvalidValueError as error:
            self.fail(str(error), param, ctx)


class _Instant(click.ParamType):  # type: ignore[type-arg]  # not generic at run time in older releases
    """An RFC 3339 time with a zone."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time; write 2026-01-31T12:00:00Z", param, ctx)
        if instant.utcoffset() is None:
            self.fail("a time needs a zone; write 2026-01-31T12:00:00Z", param, ctx)
        return instant


class _Bounds(click.ParamType):  # type: ignore[type-arg]  # not generic at run time in older releases
    """Two numbers, the lesser first."""

    name = "MIN,MAX"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        try:
            low, high = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail("give two numbers, such as 980,1040", param, ctx)
        return low, high


_Command = Callable[..., Any]


def _input_options(command: _Command) -> _Command:
    """Add what every command that reads files takes."""
    for option in (
        click.option(
            "--isa",
            type=_Bounds(),
            help="Bounds of the deviation from standard temperature, K.  [default: -40,40]",
        ),
        click.option(
            "--qnh",
            type=_Bounds(),
            help="Bounds of the pressure at sea level, hPa; needed where a file has flight levels.",
        ),
        click.option(
            "--from",
            "from_format",
            type=click.Choice(["f3548", "geojson", "kml", "csv"]),
            help="The format of the files.  [default: told by name and content]",
        ),
    ):
        command = option(command)
    return click.argument("files", nargs=-1, required=True, metavar="FILES...")(command)


def _settings(qnh: tuple[float, float] | None, isa: tuple[float, float] | None) -> ReadSettings:
    from keepclear.codec.reading import ReadSettings
    from keepclear.core.altitudes import Atmosphere
    from keepclear.core.errors import InvalidValueError

    if qnh is None:
        if isa is not None:
            raise click.UsageError("--isa needs --qnh")
        return ReadSettings()
    warmth = {} if isa is None else {"isa_deviation_min_k": isa[0], "isa_deviation_max_k": isa[1]}
    try:
        return ReadSettings(atmosphere=Atmosphere(qnh_min_hpa=qnh[0], qnh_max_hpa=qnh[1], **warmth))
    except InvalidValueError as error:
        raise _invalid(error, f"--{error.field.partition('_')[0]}") from None


def _load(
    files: tuple[str, ...],
    from_format: str | None,
    qnh: tuple[float, float] | None,
    isa: tuple[float, float] | None,
) -> Gathered:
    import gc

    from keepclear.codec.formats import Format
    from keepclear.main import load

    gc.disable()  # a short process; collecting among a million values in use takes a third of the time
    if len(set(files)) < len(files):
        raise click.UsageError("a file is named twice")
    kind = None if from_format is None else Format(from_format)
    return load(files, settings=_settings(qnh, isa), kind=kind, opened=_say_reading)


def _refuse_overwriting(files: tuple[str, ...], *outputs: str | None) -> None:
    """Refuse to write an answer over an input, or two answers to one place."""
    taken = {Path(name).resolve() for name in files if name != "-"}
    for output in outputs:
        if output is None or output == "-":
            continue
        path = Path(output).resolve()
        if path in taken and not (path.exists() and not path.is_file()):
            raise click.UsageError(f"{output} would be overwritten: it is read, or written twice")
        taken.add(path)


def _say_reading(name: str) -> None:
    """Tell on a terminal that a file is being read, if that takes long."""
    path = Path(name)
    if sys.stderr.isatty() and path.is_file() and path.stat().st_size > _LARGE_FILE_BYTES:
        _say(f"reading {name} ({path.stat().st_size / 1e6:,.0f} MB)")


def _say(message: str) -> None:
    click.echo(_printable(message), err=True)


def _printable(text: str) -> str:
    """Return text of others without characters that could steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def _say_problems(gathered: Gathered) -> None:
    for problem in gathered.problems:
        _say(f"error: {problem}")


def _put(data: bytes, output: str | None) -> None:
    from keepclear.adapters.files import STDIN, write_bytes
    from keepclear.core.errors import InvalidValueError

    try:
        write_bytes(output or STDIN, data)
    except BrokenPipeError:  # who reads the answer has gone
        raise SystemExit(EXIT_NOBODY_READS) from None
    except InvalidValueError as error:
        _say(f"error: {error}")
        raise SystemExit(EXIT_BAD_INPUT) from None


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """Give what shows a bar on a terminal once the work takes long; None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    since_s = time.monotonic()
    bars: list[Any] = []

    def told(done: int, total: int) -> None:
        if time.monotonic() - since_s < _PROGRESS_AFTER_S:
            return
        if not bars:
            bars.append(click.progressbar(length=total, label="checking", file=sys.stderr))
        bar = bars[0]
        bar.length, bar.pos = total, done  # a later step counts anew
        bar.render_progress()

    try:
        yield told
    finally:
        if bars:
            bars[0].render_finish()


@click.group(context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="keepclear")
def main() -> None:
    """Find where operations of parties that share a space conflict, why, and what clears them.

    Keepclear is not certified. It supports the people who are responsible; it does not replace them.
    """
    _cache_kernels()


def _cache_kernels() -> None:
    """Let compiled kernels be kept in a folder of the user, whoever owns the installed package."""
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    folder = Path(base) / "keepclear" / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return  # numba then looks for a place itself
    os.environ["NUMBA_CACHE_DIR"] = str(folder)


@main.command(epilog=_EXITS)
@_input_options
@click.option(
    "--buffer",
    type=_Gaps(),
    default="0",
    help="The gap to leave, such as 500m,100m,60s; within it in all three is a conflict.",
)
@click.option("--near", type=_Gaps(), help="Report pairs that are clear by no more than these gaps.")
@click.option("--all-pairs", is_flag=True, help="Judge items of one party against each other too.")
@click.option(
    "--rule",
    type=click.Choice(["per-volume", "per-intent"]),
    default="per-volume",
    show_default=True,
    help="When two items conflict.",
)
@click.option("--skip-bad", is_flag=True, help="Check the rest of files with problems; never answers 0.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "geojson"]),
    default="table",
    show_default=True,
)
@click.option("--output", "-o", metavar="FILE", help="Write the answer there instead of to stdout.")
@click.option("--report", metavar="FILE", help="Also write an HTML page with a map; it needs no internet.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "plain", "loops"]),
    default="auto",
    show_default=True,
    help="Which code searches; the answers are the same.",
)
@click.pass_context
def check(
    ctx: click.Context,
    files: tuple[str, ...],
    from_format: str | None,
    qnh: tuple[float, float] | None,
    isa: tuple[float, float] | None,
    buffer: Buffer,
    near: Buffer | None,
    all_pairs: bool,
    rule: str,
    skip_bad: bool,
    form: str,
    output: str | None,
    report: str | None,
    engine: str,
) -> None:
    """Find all conflicts among the operations and zones of FILES.

    Judged are operations of different parties, and operations against zones of other parties. An
    operation without a party counts as a party of its own.

    \b
    Examples:
      keepclear check north.geojson relief.kml
      keepclear check plans/*.json --buffer 500m,100m,60s --format json
      keepclear check flights.csv zones.geojson --report out.html
    """
    from keepclear.codec import results
    from keepclear.console import tables
    from keepclear.core.conflicts import ConflictRule
    from keepclear.core.index import Engine
    from keepclear.main import check_gathered

    _refuse_overwriting(files, output, report)
    gathered = _load(files, from_format, qnh, isa)
    _say_problems(gathered)
    chosen = _engine(Engine(engine))
    with _progress() as progress:
        result = check_gathered(
            gathered,
            buffer=buffer,
            near=near,
            all_pairs=all_pairs,
            rule=ConflictRule(rule),
            skip_bad=skip_bad,
            engine=chosen,
            progress=progress,
        )
    writers: dict[str, Callable[[results.CheckResult], bytes]] = {
        "json": lambda found: results.pretty_json(results.check_fields(found)),
        "csv": results.check_csv,
        "geojson": results.check_geojson,
        "table": tables.check_table,
    }
    _put(writers[form](result), output)
    for text, items in result.assumed().items():
        _say(f"assumed: {text} ({len(items)} of {len(gathered.items)} items, first {items[0]})")
    if report is not None:
        from keepclear.console.report import check_report

        _put(check_report(result, version=__version__), report)
        _say(f"report written to {report}")
    if form != "table" or output is not None:
        _say(tables.answer_line(result))
    ctx.exit(_EXIT_OF[result.answer.value])


_EXIT_OF: Final = {
    "clear": EXIT_CLEAR,
    "conflict": EXIT_CONFLICT,
    "no_verdict": EXIT_BAD_INPUT,
    "cannot_decide": EXIT_CANNOT_DECIDE,
}


def _engine(engine: Any) -> Any:
    from keepclear.core.index import Engine, numba_installed

    if engine is Engine.LOOPS and not numba_installed():
        raise click.UsageError("--engine loops needs numba: pip install 'keepclear[fast]'")
    return engine


@main.command(epilog=_EXITS)
@_input_options
@click.option(
    "--operation", "--id", "operation", required=True, metavar="ID", help="The operation or zone to move."
)
@click.option("--buffer", type=_Gaps(), default="0", help="The gap to leave, such as 500m,100m,60s.")
@click.option("--all-pairs", is_flag=True, help="Avoid items of the same party too.")
@click.option(
    "--max-time",
    type=_Quantity("DURATION", "parse_duration_s"),
    default="2h",
    show_default=True,
    help="The greatest shift in time.",
)
@click.option(
    "--max-altitude",
    type=_Quantity("LENGTH", "parse_length_m"),
    default="600m",
    show_default=True,
    help="The greatest shift in altitude.",
)
@click.option(
    "--max-lateral",
    type=_Quantity("LENGTH", "parse_length_m"),
    default="20km",
    show_default=True,
    help="The greatest sideways move; 0 for none.",
)
@click.option(
    "--lowest", type=float, metavar="METRES", help="No volume may be moved below this altitude (W84)."
)
@click.option("--not-before", type=_Instant(), help="The operation must not start earlier than this.")
@click.option(
    "--seconds-per-metre",
    type=float,
    default=1.0,
    show_default=True,
    help="What a metre costs against a second, for the change of both.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "geojson"]),
    default="table",
    show_default=True,
)
@click.option("--output", "-o", metavar="FILE", help="Write the answer there instead of to stdout.")
@click.pass_context
def resolve(
    ctx: click.Context,
    files: tuple[str, ...],
    from_format: str | None,
    qnh: tuple[float, float] | None,
    isa: tuple[float, float] | None,
    operation: str,
    buffer: Buffer,
    all_pairs: bool,
    max_time: float,
    max_altitude: float,
    max_lateral: float,
    lowest: float | None,
    not_before: datetime | None,
    seconds_per_metre: float,
    form: str,
    output: str | None,
) -> None:
    """Find the smallest changes of one operation that clear it of all conflicts.

    Shifts in time (to the millisecond), in altitude (to 0.1 m) and in both are provably the smallest;
    each names the pair of volumes that forbids one step less. Exit code 0: it is clear as it stands.

    \b
    Examples:
      keepclear resolve north.geojson relief.kml --operation R7
      keepclear resolve plans.json --id R7 --max-time 30min --not-before 2026-05-01T10:00:00Z
    """
    from keepclear.codec import resolutions
    from keepclear.console import tables
    from keepclear.core.errors import KeepclearError
    from keepclear.core.picture import Picture
    from keepclear.core.resolution import resolve as resolve_in
    from keepclear.core.shifts import Limits

    _refuse_overwriting(files, output)
    gathered = _load(files, from_format, qnh, isa)
    if gathered.problems:
        _say_problems(gathered)
        ctx.exit(EXIT_BAD_INPUT)
    try:
        limits = Limits(
            time_s=max_time,
            altitude_m=max_altitude,
            lateral_m=max_lateral,
            lowest_m=lowest,
            not_before=not_before,
            seconds_per_metre=seconds_per_metre,
        )
        item = gathered.item(operation)
        picture = Picture(gathered.items)
        found = resolve_in(picture, item, limits=limits, buffer=buffer, all_pairs=all_pairs)
    except KeepclearError as error:
        _say(f"error: {error}")
        ctx.exit(EXIT_BAD_INPUT)
    writers = {
        "json": resolutions.resolution_json,
        "csv": resolutions.resolution_csv,
        "geojson": resolutions.resolution_geojson,
        "table": tables.resolution_table,
    }
    _put(writers[form](found), output)
    ctx.exit(EXIT_CONFLICT if found.conflicts else EXIT_CLEAR)


@main.command()
@_input_options
@click.option(
    "--to",
    "to_format",
    type=click.Choice(["f3548", "geojson"]),
    help="The format to write.  [default: told by the name of --output, else geojson]",
)
@click.option("--output", "-o", metavar="FILE", help="Write there instead of to stdout.")
@click.pass_context
def convert(
    ctx: click.Context,
    files: tuple[str, ...],
    from_format: str | None,
    qnh: tuple[float, float] | None,
    isa: tuple[float, float] | None,
    to_format: str | None,
    output: str | None,
) -> None:
    """Write the operations and zones of FILES in another format.

    Heights come out above the WGS84 ellipsoid. Nothing is written if a file has a problem.

    \b
    Examples:
      keepclear convert flights.csv -o flights.geojson
      keepclear convert zones.kml --to f3548 > zones.json
    """
    from keepclear.codec.formats import WRITERS, Format, format_by_name

    _refuse_overwriting(files, output)
    gathered = _load(files, from_format, qnh, isa)
    if gathered.problems:
        _say_problems(gathered)
        ctx.exit(EXIT_BAD_INPUT)
    by_name = (
        Format.F3548 if output is not None and output.endswith(".json") else format_by_name(output or "")
    )
    target = Format(to_format) if to_format is not None else by_name or Format.GEOJSON
    if target not in WRITERS:
        known = ", ".join(kind.value for kind in WRITERS)
        raise click.UsageError(f"{target.value} is only read; formats to write are {known}")
    _put(WRITERS[target](gathered.items), output)
    for assumption in {assumption.text for assumption in gathered.assumptions}:
        _say(f"assumed: {assumption}")


@main.command()
@_input_options
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_context
def inspect(
    ctx: click.Context,
    files: tuple[str, ...],
    from_format: str | None,
    qnh: tuple[float, float] | None,
    isa: tuple[float, float] | None,
    form: str,
) -> None:
    """Show what FILES hold: each item with its times and heights, what was assumed, every problem.

    \b
    Examples:
      keepclear inspect north.geojson
      keepclear inspect flights.csv --format json
    """
    from keepclear.console import tables

    gathered = _load(files, from_format, qnh, isa)
    _put(tables.inspect_table(gathered) if form == "table" else tables.inspect_json(gathered), None)
    _say_problems(gathered)
    ctx.exit(EXIT_BAD_INPUT if gathered.problems else EXIT_CLEAR)


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands and options in a shell.

    \b
    Examples:
      keepclear completion bash > ~/.local/share/bash-completion/completions/keepclear
      keepclear completion fish > ~/.config/fish/completions/keepclear.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(main, {}, "keepclear", "_KEEPCLEAR_COMPLETE").source())


def run() -> None:
    """Run as a process of its own: whatever happens, the exit code says nothing that is not so."""
    # Collecting garbage among a million values in use would take a third of the time of a check.
    gc.disable()
    try:
        code = main.main(prog_name="keepclear", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        _say("aborted: no verdict")
        code = EXIT_ABORTED
    except Exception as error:
        if os.environ.get(_DEBUG):
            raise
        _say(f"error: a fault in keepclear itself, so no verdict: {type(error).__name__}: {error}")
        _say(f"please report it with what {_DEBUG}=1 shows")
        code = EXIT_CANNOT_DECIDE
    sys.exit(code if isinstance(code, int) else EXIT_CLEAR)


if __name__ == "__main__":
    run()
