"""The command line: arguments in, answers on stdout, messages on stderr, an exit code that scripts use.

Only click is imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from keepclear import (
    __version__,
    cli_agree,
    cli_drill,
    cli_duty,
    cli_encounters,
    cli_judge,
    cli_keep,
    cli_log,
    cli_node,
    cli_pair,
    cli_report,
    cli_say,
    cli_status,
    cli_talk,
    cli_token,
    cli_voice,
    cli_watch,
)
from keepclear.cli_client import CONNECTION_NAMES, connection_options, named_node
from keepclear.cli_io import (
    EXIT_ABORTED,
    EXIT_BAD_INPUT,
    EXIT_CANNOT_DECIDE,
    EXIT_CLEAR,
    EXIT_CONFLICT,
    INPUT_NAMES,
    Gaps,
    Instant,
    Quantity,
    chosen_engine,
    format_option,
    input_options,
    is_given,
    load_files,
    output_option,
    progress_bar,
    put,
    refuse_given,
    refuse_overwriting,
    say,
    say_problems,
)

if TYPE_CHECKING:
    from keepclear.codec.reading import Item
    from keepclear.core.conflicts import Buffer

CHANGES: Final = ("time", "altitude", "time_and_altitude", "lateral")
_DEBUG: Final = "KEEPCLEAR_DEBUG"

_EXITS = """
Exit codes: 0 clear; 1 conflicts, or a notice is required; 2 bad usage or bad input (no verdict);
3 could not decide.
"""
_CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


SECTIONS: Final = {
    "Check files": {
        "check": "Find all conflicts among operations and zones",
        "resolve": "Find the smallest changes that clear an operation",
        "encounters": "Find all predicted losses of separation among tracks",
        "watch": "Watch live tracks against each other, and against what is declared",
        "convert": "Write files in another format",
        "inspect": "Show what files hold, and every problem",
    },
    "Declare at a node": {
        "declare": "Declare operations and zones",
        "amend": "Put items in place of what the node holds of them",
        "withdraw": "Take items back: they will not happen",
        "activate": "Say that operations begin",
        "end": "Say that operations are over",
        "list": "List what the node holds",
    },
    "Who has what": {
        "status": "Who has, has seen and has answered every item",
        "had": "What a party had, and had seen, at a time",
        "link": "Show, cut and mend the links to other nodes",
    },
    "Talk, as a duty officer": {
        "ack": "Acknowledge that you have seen items of others",
        "object": "Object to an item of another party",
        "propose": "Propose how a conflict could be cleared",
        "counter": "Answer a proposal by another one",
        "accept": "Accept a proposal",
        "decline": "Decline a proposal",
        "withdraw-proposal": "Take a proposal back",
        "negotiations": "List proposals and where they stand",
        "agree": "Agree on gaps, areas, timers and lead times",
        "hold": "Suspend the dialogue with a party",
        "resume": "Take the dialogue up again",
    },
    "Talk on the hotline": {
        "say": "Send a message: a code and its fields",
        "answer": "Answer a message",
        "read": "Sign that you have read messages",
        "messages": "List messages, and who has read and answered them",
        "message": "Show all that is known of a message",
        "duty": "Say who is on duty",
        "handover": "Hand the watch over",
        "channel": "Tell how the line to each party is",
        "line-test": "Test the line to a party",
        "drill": "Exercise the line, and compare reports",
        "voice": "Check by telephone that both hold the same picture",
        "paper": "Print messages to be read out; write down what is heard",
    },
    "Prove": {
        "log": "Export logs, prove entries, verify exports",
        "bundle": "Carry statements by file",
        "evidence": "Show what proves two stories of a party",
        "report": "Report an incident; verify the report of another party",
    },
    "Parties and keys": {
        "pair": "Pair with other parties",
        "officer": "Give officers keys, and take them back",
        "keys": "Show, rotate and revoke the keys of your party",
    },
    "Keep a node": {
        "init": "Make what a node needs, with its keys",
        "serve": "Run a node, or a DSS",
        "demo": "Show nodes with real tracks and invented parties",
        "token": "Issue, list and revoke tokens",
        "dev-token": "Print an access token of your own making, to try a DSS out",
        "config": "Show the settings that are in force",
        "doctor": "Look whether this machine can run the node",
        "backup": "Copy the database",
        "restore": "Put a backup in its place",
        "completion": "Print the script that completes in a shell",
    },
}
"""The commands as the help shows them, each in a few words."""


class Sections(click.Group):
    """A group whose help shows its commands in sections."""

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


@click.group(cls=Sections, context_settings=_CONTEXT)
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


_NODE_HELP: Final = "Ask this node instead; see below."


@main.command(epilog=_EXITS)
@input_options(is_required=False)
@click.option(
    "--buffer",
    type=Gaps(),
    default="0",
    help="The gap to leave, such as 500m,100m,60s; within it in all three is a conflict.",
)
@click.option("--near", type=Gaps(), help="Report pairs that are clear by no more than these gaps.")
@click.option("--all-pairs", is_flag=True, help="Judge items of one party against each other too.")
@click.option(
    "--rule",
    type=click.Choice(["per-volume", "per-intent"]),
    default="per-volume",
    show_default=True,
    help="When two items conflict.",
)
@click.option("--skip-bad", is_flag=True, help="Check the rest of files with problems; never answers 0.")
@format_option("table", "json", "csv", "geojson")
@output_option()
@click.option("--report", metavar="FILE", help="Also write an HTML page with a map; it needs no internet.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "plain", "loops"]),
    default="auto",
    show_default=True,
    help="Which code searches; the answers are the same.",
)
@connection_options(_NODE_HELP)
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

    With --node, each item of FILES is judged against what a node holds, and nothing is stored; an item
    without a party is yours. Without FILES, everything that the node holds is judged.

    \b
    Examples:
      keepclear check north.geojson relief.kml
      keepclear check --node https://north.example:8421
      keepclear check plan.geojson --node https://north.example:8421
      keepclear check plans/*.json --buffer 500m,100m,60s --format json
      keepclear check flights.csv zones.geojson --report out.html
    """
    from keepclear.codec import results
    from keepclear.console import tables
    from keepclear.core.conflicts import ConflictRule
    from keepclear.main import check_gathered

    refuse_overwriting(files, output, report)
    if named_node(ctx) is not None:
        refuse_given(ctx, _FILES_ONLY, "goes with FILES alone, not with --node")
        _check_at_node(ctx, files, from_format, qnh, isa, buffer, form, output)
    refuse_given(ctx, CONNECTION_NAMES, "needs --node")
    if not files:
        raise click.UsageError("Missing argument 'FILES...', or --node")
    gathered = load_files(files, from_format, qnh, isa)
    say_problems(gathered)
    chosen = chosen_engine(engine)
    with progress_bar() as progress:
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
    put(writers[form](result), output)
    for text, items in result.assumed().items():
        say(f"assumed: {text} ({len(items)} of {len(gathered.items)} items, first {items[0]})")
    if report is not None:
        from keepclear.console.report import check_report

        put(check_report(result, version=__version__), report)
        say(f"report written to {report}")
    if form != "table" or output is not None:
        say(tables.answer_line(result))
    ctx.exit(_EXIT_OF[result.answer.value])


_FILES_ONLY: Final = ("near", "all_pairs", "rule", "skip_bad", "report", "engine")


def _check_at_node(
    ctx: click.Context,
    files: tuple[str, ...],
    from_format: str | None,
    qnh: tuple[float, float] | None,
    isa: tuple[float, float] | None,
    buffer: Buffer,
    form: str,
    output: str | None,
) -> NoReturn:
    if not files:
        refuse_given(ctx, (*INPUT_NAMES, "buffer"), "needs FILES; the node judges what it holds by its own")
    gap = buffer if is_given(ctx, "buffer") else None
    items = None if not files else cli_node.chosen_items(ctx, files, from_format, qnh, isa)
    cli_judge.check_at_node(ctx, items, gap, form, output)


_EXIT_OF: Final = {
    "clear": EXIT_CLEAR,
    "conflict": EXIT_CONFLICT,
    "no_verdict": EXIT_BAD_INPUT,
    "cannot_decide": EXIT_CANNOT_DECIDE,
}


@main.command(epilog=_EXITS)
@input_options(is_required=False)
@click.option(
    "--operation", "--id", "operation", required=True, metavar="ID", help="The operation or zone to move."
)
@click.option("--buffer", type=Gaps(), default="0", help="The gap to leave, such as 500m,100m,60s.")
@click.option("--all-pairs", is_flag=True, help="Avoid items of the same party too.")
@click.option(
    "--max-time",
    type=Quantity("DURATION", "parse_duration_s"),
    default="2h",
    show_default=True,
    help="The greatest shift in time.",
)
@click.option(
    "--max-altitude",
    type=Quantity("LENGTH", "parse_length_m"),
    default="600m",
    show_default=True,
    help="The greatest shift in altitude.",
)
@click.option(
    "--max-lateral",
    type=Quantity("LENGTH", "parse_length_m"),
    default="20km",
    show_default=True,
    help="The greatest sideways move; 0 for none.",
)
@click.option(
    "--lowest", type=float, metavar="METRES", help="No volume may be moved below this altitude (W84)."
)
@click.option("--not-before", type=Instant(), help="The operation must not start earlier than this.")
@click.option(
    "--seconds-per-metre",
    type=float,
    default=1.0,
    show_default=True,
    help="What a metre costs against a second, for the change of both.",
)
@click.option(
    "--apply",
    type=click.Choice(CHANGES),
    help="Declare the item with this change at the node, or amend it there.",
)
@connection_options(_NODE_HELP)
@format_option("table", "json", "csv", "geojson")
@output_option()
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
    apply: str | None,
    form: str,
    output: str | None,
) -> None:
    """Find the smallest changes of one operation that clear it of all conflicts.

    Shifts in time (to the millisecond), in altitude (to 0.1 m) and in both are provably the smallest;
    each names the pair of volumes that forbids one step less. Exit code 0: it is clear as it stands.

    With --node, the operation is cleared of what a node holds: the one of FILES, which need not be
    declared, or without FILES the one that the node holds. --apply declares it with one of the changes;
    the exit code then is 0 if it is clear now.

    \b
    Examples:
      keepclear resolve --node https://north.example:8421 --operation R7 --apply time
      keepclear resolve north.geojson relief.kml --operation R7
      keepclear resolve plans.json --id R7 --max-time 30min --not-before 2026-05-01T10:00:00Z
    """
    from keepclear.codec import resolutions
    from keepclear.console import tables
    from keepclear.core.errors import KeepclearError
    from keepclear.core.picture import Picture
    from keepclear.core.resolution import resolve as resolve_in
    from keepclear.core.shifts import Limits

    refuse_overwriting(files, output)
    is_at_node = named_node(ctx) is not None
    if is_at_node:
        refuse_given(ctx, ("all_pairs", "seconds_per_metre"), "goes with FILES alone, not with --node")
    else:
        refuse_given(ctx, ("apply", *CONNECTION_NAMES), "needs --node")
        if not files:
            raise click.UsageError("Missing argument 'FILES...', or --node")
    try:
        limits = Limits(
            time_s=max_time,
            altitude_m=max_altitude,
            lateral_m=max_lateral,
            lowest_m=lowest,
            not_before=not_before,
            seconds_per_metre=seconds_per_metre,
        )
    except KeepclearError as error:
        say(f"error: {error}")
        ctx.exit(EXIT_BAD_INPUT)
    if is_at_node:
        gap = buffer if is_given(ctx, "buffer") else None
        named = _named_item(ctx, files, from_format, qnh, isa, operation)
        cli_judge.resolve_at_node(ctx, named, limits, gap, apply, form, output)
    gathered = load_files(files, from_format, qnh, isa)
    if gathered.problems:
        say_problems(gathered)
        ctx.exit(EXIT_BAD_INPUT)
    try:
        item = gathered.item(operation)
        picture = Picture(gathered.items)
        found = resolve_in(picture, item, limits=limits, buffer=buffer, all_pairs=all_pairs)
    except KeepclearError as error:
        say(f"error: {error}")
        ctx.exit(EXIT_BAD_INPUT)
    writers = {
        "json": resolutions.resolution_json,
        "csv": resolutions.resolution_csv,
        "geojson": resolutions.resolution_geojson,
        "table": tables.resolution_table,
    }
    put(writers[form](found), output)
    ctx.exit(EXIT_CONFLICT if found.conflicts else EXIT_CLEAR)


def _named_item(
    ctx: click.Context,
    files: tuple[str, ...],
    from_format: str | None,
    qnh: tuple[float, float] | None,
    isa: tuple[float, float] | None,
    operation: str,
) -> str | Item:
    """Return the item of files that is to be moved, or its id where the node has it."""
    if files:
        return cli_node.chosen_items(ctx, files, from_format, qnh, isa, (operation,), "--operation")[0]
    refuse_given(ctx, INPUT_NAMES, "needs FILES")
    return operation


@main.command()
@input_options()
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

    refuse_overwriting(files, output)
    gathered = load_files(files, from_format, qnh, isa)
    if gathered.problems:
        say_problems(gathered)
        ctx.exit(EXIT_BAD_INPUT)
    by_name = (
        Format.F3548 if output is not None and output.endswith(".json") else format_by_name(output or "")
    )
    target = Format(to_format) if to_format is not None else by_name or Format.GEOJSON
    if target not in WRITERS:
        known = ", ".join(kind.value for kind in WRITERS)
        raise click.UsageError(f"{target.value} is only read; formats to write are {known}")
    put(WRITERS[target](gathered.items), output)
    for assumption in {assumption.text for assumption in gathered.assumptions}:
        say(f"assumed: {assumption}")


@main.command()
@input_options()
@format_option("table", "json")
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

    gathered = load_files(files, from_format, qnh, isa)
    put(tables.inspect_table(gathered) if form == "table" else tables.inspect_json(gathered), None)
    say_problems(gathered)
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


for _command in (
    cli_token.dev_token,
    cli_keep.init,
    cli_keep.serve,
    cli_keep.demo,
    cli_keep.doctor,
    cli_keep.backup,
    cli_keep.restore,
    cli_keep.config,
    cli_keep.token,
    cli_node.declare,
    cli_node.amend,
    cli_node.withdraw,
    cli_node.activate,
    cli_node.end,
    cli_node.list_items,
    cli_status.status,
    cli_status.had,
    cli_status.link,
    cli_talk.ack,
    cli_talk.object_to,
    cli_talk.propose,
    cli_talk.counter,
    cli_talk.accept,
    cli_talk.decline,
    cli_talk.withdraw_proposal,
    cli_talk.negotiations,
    cli_agree.agree,
    cli_agree.hold,
    cli_agree.resume,
    cli_encounters.encounters,
    cli_watch.watch,
    cli_say.say_message,
    cli_say.answer,
    cli_say.read,
    cli_say.messages,
    cli_say.message_detail,
    cli_duty.duty,
    cli_duty.handover,
    cli_duty.channel,
    cli_duty.line_test,
    cli_drill.drill,
    cli_voice.voice,
    cli_voice.paper,
    cli_log.log,
    cli_log.bundle,
    cli_log.evidence,
    cli_report.report,
    cli_pair.pair,
    cli_pair.officer,
    cli_pair.keys,
):
    main.add_command(_command)


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
        say("aborted: no verdict")
        code = EXIT_ABORTED
    except Exception as error:
        if os.environ.get(_DEBUG):
            raise
        say(f"error: a fault in keepclear itself, so no verdict: {type(error).__name__}: {error}")
        say(f"please report it with what {_DEBUG}=1 shows")
        code = EXIT_CANNOT_DECIDE
    sys.exit(code if isinstance(code, int) else EXIT_CLEAR)


if __name__ == "__main__":
    run()
