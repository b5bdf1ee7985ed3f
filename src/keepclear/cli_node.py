"""The commands that look at what a node holds and change it: list, declare, amend, withdraw, states.

Only click is imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

from keepclear.cli_client import breach_text, exit_code_of, findings_of, node_options, opened_node
from keepclear.cli_io import (
    EXIT_BAD_INPUT,
    EXIT_CANNOT_DECIDE,
    EXIT_CLEAR,
    EXIT_CONFLICT,
    Command,
    format_option,
    input_options,
    load_files,
    progress_bar,
    put,
    say,
    say_problems,
)

if TYPE_CHECKING:
    from keepclear.adapters.http.answers import Outcome
    from keepclear.adapters.http.client import NodeClient, NodeRefusedError
    from keepclear.codec.reading import Gathered, Item
    from keepclear.core.intents import IntentEvent

STATES: Final = ("Accepted", "Activated", "Nonconforming", "Contingent", "Ended")
KINDS: Final = ("operational_intent", "constraint")
_EXITS: Final = """
Exit codes: 0 done, and clear; 1 refused because of conflicts, or done and it conflicts or needs a
notice; 2 bad usage or input, or refused otherwise; 3 the node cannot be reached or does not say.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of one item.

    Attributes:
        item_id: The item.
        result: What became of it, in a word or two.
        exit_code: What that means.
        detail: Its version, or why it was refused.
        findings: What it meets, as the node tells it.
        record: The item as it stands, where the node told it, as the API has it.
    """

    item_id: str
    result: str
    exit_code: int
    detail: str
    findings: tuple[dict[str, Any], ...] = ()
    record: dict[str, Any] | None = field(default=None)


def made(item_id: str, outcome: Outcome, done: str) -> Change:
    """Return what the node answered to a change that it made."""
    import msgspec

    record = outcome.record
    is_clear = record.standing == "clear" and not outcome.findings
    standing = record.standing if record.standing != "clear" or is_clear else "a notice is required"
    return Change(
        item_id=item_id,
        result=done,
        exit_code=EXIT_CLEAR if is_clear or record.withdrawn else EXIT_CONFLICT,
        detail="; ".join(
            [
                f"version {record.version}" + ("" if record.withdrawn else f", {standing}"),
                *(breach_text(breach) for breach in outcome.breaches),
            ]
        ),
        findings=outcome.findings,
        record=msgspec.to_builtins(record),
    )


def refused(item_id: str, error: NodeRefusedError) -> Change:
    """Return what the node refused."""
    import msgspec

    return Change(
        item_id=item_id,
        result="refused: it conflicts" if error.findings or error.breaches else "refused",
        exit_code=EXIT_CONFLICT if error.findings or error.breaches else exit_code_of(error),
        detail=str(error),
        findings=error.findings,
        record=None if error.record is None else msgspec.to_builtins(error.record),
    )


def _each(ids: Iterable[str], change: Callable[[str], Change]) -> list[Change]:
    """Change item after item; where the node cannot be asked any more, tell which were not tried."""
    from keepclear.adapters.http.client import NodeAnswerError, NodeRefusedError, NodeUnreachableError
    from keepclear.core.errors import InvalidValueError

    changes: list[Change] = []
    waiting = list(ids)
    with progress_bar("asking") as progress:
        for number, item_id in enumerate(waiting):
            if progress is not None:
                progress(number, len(waiting))
            try:
                changes.append(change(item_id))
            except NodeRefusedError as error:
                changes.append(refused(item_id, error))
            except (InvalidValueError, NodeAnswerError, NodeUnreachableError) as error:
                code = exit_code_of(error)
                result = "not known" if code == EXIT_CANNOT_DECIDE else "refused"
                changes.append(Change(item_id=item_id, result=result, exit_code=code, detail=str(error)))
                if code == EXIT_CANNOT_DECIDE:
                    changes += [
                        Change(item_id=rest, result="not tried", exit_code=code, detail="")
                        for rest in waiting[number + 1 :]
                    ]
                    break
    return changes


def _tell(ctx: click.Context, client: NodeClient, changes: list[Change], form: str) -> None:
    """Write what became of items, and end with the code of the worst."""
    from keepclear.codec.results import pretty_json
    from keepclear.console.node_tables import ChangedRow, changed_table

    if form == "json":
        rows = [
            {
                "id": each.item_id,
                "result": each.result,
                "detail": each.detail,
                "findings": list(each.findings),
                "record": each.record,
            }
            for each in changes
        ]
        put(pretty_json({"node": client.url, "results": rows}))
    else:
        put(
            changed_table(
                [
                    ChangedRow(
                        item_id=each.item_id,
                        result=each.result,
                        detail=each.detail,
                        findings=tuple(findings_of(client, each.findings)),
                    )
                    for each in changes
                ]
            )
        )
    ctx.exit(max(each.exit_code for each in changes))


def _only_option() -> Command:
    return click.option(
        "--only", multiple=True, metavar="ID", help="Only the item with this id; may be given again."
    )


def _version_option() -> Command:
    return click.option(
        "--version",
        type=click.IntRange(min=1),
        metavar="N",
        help="The version that is meant, of one item.  [default: the current one]",
    )


def chosen_items(
    ctx: click.Context,
    files: tuple[str, ...],
    from_format: str | None,
    qnh: tuple[float, float] | None,
    isa: tuple[float, float] | None,
    only: tuple[str, ...] = (),
    option: str = "--only",
) -> list[Item]:
    """Read files, and end the command where anything in them is wrong, or nothing is in them."""
    gathered = load_files(files, from_format, qnh, isa)
    if gathered.problems:
        say_problems(gathered)
        say("error: nothing was asked of the node; mend the files first")
        ctx.exit(EXIT_BAD_INPUT)
    known = {item.id for item in gathered.items}
    for item_id in only:
        if item_id not in known:
            raise click.BadParameter(f"the files hold no item {item_id!r}", param_hint=f"'{option}'")
    if not gathered.items:
        say("error: the files hold no operations and no zones")
        ctx.exit(EXIT_BAD_INPUT)
    _say_assumed(gathered, only)
    return [item for item in gathered.items if not only or item.id in only]


def _say_assumed(gathered: Gathered, only: tuple[str, ...]) -> None:
    texts: dict[str, int] = {}
    for assumption in gathered.assumptions:
        if not only or any(repr(item_id) in assumption.item for item_id in only):
            texts[assumption.text] = texts.get(assumption.text, 0) + 1
    for text, count in texts.items():
        say(f"assumed: {text} ({count} of {len(gathered.items)} items)")


def _require_own(ctx: click.Context, items: list[Item], party: str) -> None:
    """End the command where an item is another party's: the node would refuse it, after others were sent."""
    others = [item for item in items if item.party not in {None, party}]
    for item in others:
        say(f"error: {item.id!r} is an item of {item.party}, and you ask for {party}")
    if others:
        say("error: nothing was sent; choose your items with --only")
        ctx.exit(EXIT_BAD_INPUT)


@click.command(epilog=_EXITS)
@input_options()
@_only_option()
@node_options()
@format_option("table", "json")
@click.pass_context
def declare(
    ctx: click.Context,
    files: tuple[str, ...],
    from_format: str | None,
    qnh: tuple[float, float] | None,
    isa: tuple[float, float] | None,
    only: tuple[str, ...],
    form: str,
) -> None:
    """Declare the operations and zones of FILES at a node.

    With a problem in any file nothing is sent. An item without a party is yours. What is refused because
    it conflicts is shown with where, when and how deep. Declaring the same again changes nothing.

    \b
    Examples:
      keepclear declare plan.geojson
      keepclear declare flights.csv zones.kml --only R7 --node https://north.example:8421
    """
    items = {item.id: item for item in chosen_items(ctx, files, from_format, qnh, isa, only)}
    with opened_node(ctx) as client:
        session = client.session()
        _require_own(ctx, list(items.values()), session.party)

        def declared(item_id: str) -> Change:
            outcome = client.declare(items[item_id])  # type: ignore[index]  # an ItemId
            is_repeat = outcome.record.seq <= session.seq
            return made(item_id, outcome, "already declared" if is_repeat else "declared")

        changes = _each(items, declared)
        _tell(ctx, client, changes, form)


@click.command(epilog=_EXITS)
@input_options()
@_only_option()
@_version_option()
@node_options()
@format_option("table", "json")
@click.pass_context
def amend(
    ctx: click.Context,
    files: tuple[str, ...],
    from_format: str | None,
    qnh: tuple[float, float] | None,
    isa: tuple[float, float] | None,
    only: tuple[str, ...],
    version: int | None,
    form: str,
) -> None:
    """Put the items of FILES in place of what a node holds of them.

    Without --version the current version is read first, and told: what another person changed a moment
    ago is then replaced too. With a problem in any file nothing is sent.

    \b
    Examples:
      keepclear amend plan.geojson
      keepclear amend plan.geojson --only R7 --version 3
    """
    items = {item.id: item for item in chosen_items(ctx, files, from_format, qnh, isa, only)}
    _require_one(version, list(items))
    with opened_node(ctx) as client:
        _require_own(ctx, list(items.values()), client.session().party)

        def amended(item_id: str) -> Change:
            outcome = client.amend(
                items[item_id],  # type: ignore[index]  # an ItemId
                version or current_version(client, item_id),
            )
            return made(item_id, outcome, "amended")

        _tell(ctx, client, _each(items, amended), form)


def _require_one(version: int | None, ids: list[str] | tuple[str, ...]) -> None:
    if version is not None and len(ids) > 1:
        raise click.UsageError(f"--version is of one item, and {len(ids)} are given")


def current_version(client: NodeClient, item_id: str) -> int:
    """Return the version that a node holds, and tell it."""
    version = client.item(item_id).version
    say(f"{item_id} is at version {version}")
    return version


def _ids_argument() -> Command:
    return click.argument("ids", nargs=-1, required=True, metavar="ID...")


def _change_named(
    ctx: click.Context,
    ids: tuple[str, ...],
    version: int | None,
    form: str,
    done: str,
    change: Callable[[NodeClient, str, int], Outcome],
) -> None:
    """Change items that are named by their ids."""
    if len(set(ids)) < len(ids):
        raise click.UsageError("an id is named twice")
    _require_one(version, ids)
    with opened_node(ctx) as client:

        def changed(item_id: str) -> Change:
            known = version or current_version(client, item_id)
            return made(item_id, change(client, item_id, known), done)

        _tell(ctx, client, _each(ids, changed), form)


@click.command(epilog=_EXITS)
@_ids_argument()
@_version_option()
@node_options()
@format_option("table", "json")
@click.pass_context
def withdraw(ctx: click.Context, ids: tuple[str, ...], version: int | None, form: str) -> None:
    """Take back the items with these IDs: they will not happen.

    \b
    Examples:
      keepclear withdraw R7
      keepclear withdraw R7 --version 3
    """
    _change_named(ctx, ids, version, form, "withdrawn", lambda node, each, n: node.withdraw(each, n))


@click.command(epilog=_EXITS)
@_ids_argument()
@_version_option()
@node_options()
@format_option("table", "json")
@click.pass_context
def activate(ctx: click.Context, ids: tuple[str, ...], version: int | None, form: str) -> None:
    """Say that the operations with these IDs begin.

    \b
    Examples:
      keepclear activate R7
    """
    from keepclear.core.intents import IntentEvent

    _change_named(ctx, ids, version, form, "activated", _changing(IntentEvent.ACTIVATE))


@click.command(epilog=_EXITS)
@_ids_argument()
@_version_option()
@node_options()
@format_option("table", "json")
@click.pass_context
def end(ctx: click.Context, ids: tuple[str, ...], version: int | None, form: str) -> None:
    """Say that the operations with these IDs are over, which is final.

    \b
    Examples:
      keepclear end R7
    """
    from keepclear.core.intents import IntentEvent

    _change_named(ctx, ids, version, form, "ended", _changing(IntentEvent.END))


def _changing(event: IntentEvent) -> Callable[[NodeClient, str, int], Outcome]:
    return lambda client, item_id, version: client.change_state(item_id, event, version)


@click.command("list")
@click.option("--party", metavar="ID", help="Only items of this party.")
@click.option("--kind", type=click.Choice(KINDS), help="Only operations, or only zones.")
@click.option("--state", type=click.Choice(STATES), help="Only operations in this state.")
@click.option("--all", "with_ended", is_flag=True, help="What has ended or was withdrawn too.")
@node_options()
@format_option("table", "json", "geojson")
@click.pass_context
def list_items(
    ctx: click.Context, party: str | None, kind: str | None, state: str | None, with_ended: bool, form: str
) -> None:
    """List what a node holds.

    \b
    Examples:
      keepclear list
      keepclear list --party north --state Activated
      keepclear list --format geojson > held.geojson
    """
    import msgspec

    from keepclear.adapters.http.client import NodeAnswerError
    from keepclear.codec import geojson
    from keepclear.codec.results import pretty_json
    from keepclear.codec.told import item_of
    from keepclear.console.node_tables import HeldRow, held_table
    from keepclear.core.errors import InvalidValueError

    if kind == "constraint" and state is not None:
        raise click.UsageError("--state is of operations, and zones have none")
    with opened_node(ctx) as client:
        records = list(
            client.items(party=party, kind=kind, state=state, include_ended=with_ended or state == STATES[-1])
        )
        if form == "json":
            put(pretty_json({"node": client.url, "items": [msgspec.to_builtins(each) for each in records]}))
            return
        try:
            rows = [
                HeldRow(
                    item=item_of(record.item),
                    version=record.version,
                    standing=record.standing,
                    is_withdrawn=record.withdrawn,
                    person=record.by.person,
                )
                for record in records
            ]
        except InvalidValueError as error:
            raise NodeAnswerError(client.url, str(error)) from None
    put(geojson.encode([row.item for row in rows]) if form == "geojson" else held_table(rows))
