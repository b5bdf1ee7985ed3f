"""What all commands share: exit codes, kinds of options, reading files, and telling what came of it.

Only click is imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from keepclear.codec.reading import Gathered, ReadSettings
    from keepclear.core.conflicts import Buffer
    from keepclear.core.index import Engine

EXIT_CLEAR: Final = 0
EXIT_CONFLICT: Final = 1
EXIT_BAD_INPUT: Final = 2
EXIT_CANNOT_DECIDE: Final = 3
EXIT_ABORTED: Final = 130
EXIT_NOBODY_READS: Final = 141

_PROGRESS_AFTER_S: Final = 1.0
_LARGE_FILE_BYTES: Final = 5_000_000


def invalid(error: Exception, option: str) -> click.BadParameter:
    """Return the same error, said of an option."""
    return click.BadParameter(str(error), param_hint=f"'{option}'")


class Gaps(click.ParamType):  # type: ignore[type-arg]  # not generic at run time in older releases
    """Up to three gaps: lateral, vertical, time."""

    name = "LATERAL[,VERTICAL[,TIME]]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Buffer:
        """Return the gaps."""
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


class Quantity(click.ParamType):  # type: ignore[type-arg]  # not generic at run time in older releases
    """A number with a unit."""

    def __init__(self, name: str, reader: str) -> None:
        self.name, self._reader = name, reader

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the quantity in its SI unit."""
        from keepclear.core import units
        from keepclear.core.errors import InvalidValueError

        if isinstance(value, float):
            return value
        try:
            return float(getattr(units, self._reader)(str(value)))
        except InvalidValueError as error:
            self.fail(str(error), param, ctx)


class Instant(click.ParamType):  # type: ignore[type-arg]  # not generic at run time in older releases
    """An RFC 3339 time with a zone."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the instant."""
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time; write 2026-01-31T12:00:00Z", param, ctx)
        if instant.utcoffset() is None:
            self.fail("a time needs a zone; write 2026-01-31T12:00:00Z", param, ctx)
        return instant


class Bounds(click.ParamType):  # type: ignore[type-arg]  # not generic at run time in older releases
    """Two numbers, the lesser first."""

    name = "MIN,MAX"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Return the two numbers."""
        if isinstance(value, tuple):
            return value
        try:
            low, high = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail("give two numbers, such as 980,1040", param, ctx)
        return low, high


Command = Callable[..., Any]


def add_options(*options: Command) -> Command:
    """Return what adds options to a command, in this order in its help."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def format_option(*forms: str) -> Command:
    """Return the option that chooses the form of an answer; the first form is the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(forms),
        default=forms[0],
        show_default=True,
        help="The form of the answer.",
    )


def output_option() -> Command:
    """Return the option that names where an answer goes."""
    return click.option("--output", "-o", metavar="FILE", help="Write the answer there instead of to stdout.")


def input_options(*, is_required: bool = True) -> Command:
    """Return what adds files, and how they are read, to a command."""
    return add_options(
        click.argument("files", nargs=-1, required=is_required, metavar="FILES..."),
        click.option(
            "--from",
            "from_format",
            type=click.Choice(["f3548", "geojson", "kml", "csv"]),
            help="The format of the files.  [default: told by name and content]",
        ),
        click.option(
            "--qnh",
            type=Bounds(),
            help="Bounds of the pressure at sea level, hPa; needed where a file has flight levels.",
        ),
        click.option(
            "--isa",
            type=Bounds(),
            help="Bounds of the deviation from standard temperature, K.  [default: -40,40]",
        ),
    )


INPUT_NAMES: Final = ("from_format", "qnh", "isa")
"""The parameters that say how files are read."""


def chosen_engine(word: str) -> Engine:
    """Return the engine that was chosen; refuse one that this installation does not have."""
    from keepclear.core.index import Engine, numba_installed

    engine = Engine(word)
    if engine is Engine.LOOPS and not numba_installed():
        raise click.UsageError("--engine loops needs numba: pip install 'keepclear[fast]'")
    return engine


def refuse_given(ctx: click.Context, names: tuple[str, ...], reason: str) -> None:
    """Refuse options that were given though they make no sense with what else was given.

    Args:
        ctx: The command.
        names: The parameters.
        reason: Why not, such as "goes with --node only".
    """
    for parameter in ctx.command.params:
        if parameter.name in names and is_given(ctx, parameter.name):
            raise click.UsageError(f"{parameter.opts[0]} {reason}")


def is_given(ctx: click.Context, name: str) -> bool:
    """Tell whether a parameter was given, whatever its value."""
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


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
        raise invalid(error, f"--{error.field.partition('_')[0]}") from None


def load_files(
    files: tuple[str, ...],
    from_format: str | None,
    qnh: tuple[float, float] | None,
    isa: tuple[float, float] | None,
) -> Gathered:
    """Read files, telling on a terminal where that takes long; problems are in what is returned."""
    import gc

    from keepclear.codec.formats import Format
    from keepclear.main import load

    gc.disable()  # a short process; collecting among a million values in use takes a third of the time
    if len(set(files)) < len(files):
        raise click.UsageError("a file is named twice")
    kind = None if from_format is None else Format(from_format)
    return load(files, settings=_settings(qnh, isa), kind=kind, opened=_say_reading)


def refuse_overwriting(files: tuple[str, ...], *outputs: str | None) -> None:
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
        say(f"reading {name} ({path.stat().st_size / 1e6:,.0f} MB)")


def say(message: str) -> None:
    """Tell something on the standard error."""
    click.echo(printable(message), err=True)


def printable(text: str) -> str:
    """Return text of others without characters that could steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def say_problems(gathered: Gathered) -> None:
    """Tell every problem of files."""
    for problem in gathered.problems:
        say(f"error: {problem}")


def put(data: bytes, output: str | None = None) -> None:
    """Write an answer to a file, or to the standard output; end the command where that fails."""
    from keepclear.adapters.files import STDIN, write_bytes
    from keepclear.core.errors import InvalidValueError

    try:
        write_bytes(output or STDIN, data)
    except BrokenPipeError:  # who reads the answer has gone
        raise SystemExit(EXIT_NOBODY_READS) from None
    except InvalidValueError as error:
        say(f"error: {error}")
        raise SystemExit(EXIT_BAD_INPUT) from None


@contextlib.contextmanager
def progress_bar(label: str = "checking") -> Iterator[Callable[[int, int], None] | None]:
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
            bars.append(click.progressbar(length=total, label=label, file=sys.stderr))
        bar = bars[0]
        bar.length, bar.pos = total, done  # a later step counts anew
        bar.render_progress()

    try:
        yield told
    finally:
        if bars:
            bars[0].render_finish()
