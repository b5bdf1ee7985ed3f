"""Checking and resolving at a node: what `check --node` and `resolve --node` do.

Only click is imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from keepclear.cli_client import breach_text, findings_of, opened_node
from keepclear.cli_io import EXIT_CANNOT_DECIDE, EXIT_CLEAR, EXIT_CONFLICT, progress_bar, put, say

if TYPE_CHECKING:
    from keepclear.adapters.http.answers import Answer, Outcome
    from keepclear.adapters.http.client import NodeClient
    from keepclear.codec.reading import Item
    from keepclear.core.conflicts import Buffer, Finding
    from keepclear.core.resolution import Resolution
    from keepclear.core.shifts import Limits

PAGES_TRIED: Final = 5
"""So often the pages of all conflicts are read anew because the node changed meanwhile."""
_EXIT_OF: Final = {"clear": EXIT_CLEAR, "conflict": EXIT_CONFLICT, "cannot_decide": EXIT_CANNOT_DECIDE}
_NOT_FOUND: Final = 404


def check_at_node(
    ctx: click.Context, items: list[Item] | None, buffer: Buffer | None, form: str, output: str | None
) -> NoReturn:
    """Check at a node, and end the command with the answer as its code.

    Args:
        ctx: The command.
        items: What is judged against the node, each by itself; None for everything that it holds.
        buffer: The gap to leave; None for that of the node.
        form: The form of the answer.
        output: Where it goes; None for the standard output.
    """
    import msgspec

    from keepclear.codec import results
    from keepclear.console.node_tables import answered_table

    with opened_node(ctx) as client:
        answers = [_all_conflicts(client)] if items is None else _judged(client, items, buffer)
        word = _word_of(answers)
        findings = findings_of(client, (fields for answer in answers for fields in answer.findings))
        broken = [breach for answer in answers for breach in answer.breaches]
        breaches = [msgspec.to_builtins(breach) for breach in broken]
        line = _line(word, answers, findings, items, client.url)
        match form:
            case "json":
                fields = _fields(word, answers, findings, items, client.url)
                data = results.pretty_json({**fields, "breaches": breaches})
            case "csv":
                data = results.findings_csv(findings, breaches)
            case "geojson":
                data = results.findings_geojson(findings, breaches)
            case _:
                data = answered_table(findings, line, [breach_text(breach) for breach in broken])
    put(data, output)
    if form != "table" or output is not None:
        say(line)
    ctx.exit(_EXIT_OF.get(word, EXIT_CANNOT_DECIDE))


def _all_conflicts(client: NodeClient) -> Answer:
    """Return all pages of what conflicts at a node, as of one moment.

    Raises:
        NodeAnswerError: It changes faster than its pages can be read.
    """
    import msgspec

    from keepclear.adapters.http.client import NodeAnswerError

    for _ in range(PAGES_TRIED):
        first = page = client.conflicts()
        found = list(first.findings)
        while page.next is not None and page.checked.get("seq") == first.checked.get("seq"):
            page = client.conflicts(after=page.next)
            found += page.findings
        is_one_moment = page.checked.get("seq") == first.checked.get("seq")
        if is_one_moment and len(found) == page.total == first.total:
            return msgspec.structs.replace(first, findings=tuple(found), next=None)
    raise NodeAnswerError(client.url, "it changes faster than its pages can be read; try again")


def _judged(client: NodeClient, items: list[Item], buffer: Buffer | None) -> list[Answer]:
    answers = []
    with progress_bar("checking") as progress:
        for number, item in enumerate(items, start=1):
            answers.append(client.check(_api_fields(item), buffer=buffer))
            if progress is not None:
                progress(number, len(items))
    return answers


def _api_fields(item: Item) -> dict[str, Any]:
    from keepclear.codec.f3548.volumes import encode_item
    from keepclear.codec.json_errors import decode_json

    fields: dict[str, Any] = decode_json(encode_item(item))
    return fields


def _word_of(answers: list[Answer]) -> str:
    """Return the answer to all: conflict if any is, clear if all are."""
    words = {answer.answer for answer in answers}
    if "conflict" in words or any(answer.findings or answer.breaches for answer in answers):
        return "conflict"
    return "clear" if words == {"clear"} else "cannot_decide"


def _line(
    word: str, answers: list[Answer], findings: list[Finding], items: list[Item] | None, url: str
) -> str:
    from keepclear.codec.words import count_text
    from keepclear.core.conflicts import Verdict

    checked = answers[-1].checked
    held = f"{count_text(int(checked.get('operations', 0)), 'operation')} and "
    held += f"{count_text(int(checked.get('zones', 0)), 'zone')} of {url}"
    if items is None:
        scope = f"{held} checked against each other"
    elif len(items) == 1:
        scope = f"{items[0].id} checked against {held}"
    else:
        scope = f"{len(items)} items checked, each against {held}, and not against each other"
    conflicts = sum(finding.verdict is Verdict.CONFLICT for finding in findings)
    notices = len(findings) - conflicts
    match word:
        case "clear":
            return f"CLEAR: {scope}"
        case "conflict":
            found = [count_text(conflicts, "conflict")] if conflicts else []
            found += [f"{count_text(notices, 'notice')} required"] if notices else []
            broken = sum(answer.breach_total for answer in answers)
            found += [f"{broken:,} altitude split{'s' if broken > 1 else ''} broken"] if broken else []
            return f"{' and '.join(found).upper()}: {scope}"
        case _:
            return f"CANNOT DECIDE: {checked.get('reason') or 'the node does not say why'} ({scope})"


def _fields(
    word: str, answers: list[Answer], findings: list[Finding], items: list[Item] | None, url: str
) -> dict[str, Any]:
    """Return the answer in the form that a check of files has, as far as it goes."""
    from keepclear.codec.results import finding_fields
    from keepclear.core.conflicts import Verdict

    checked = answers[-1].checked
    names = ("operations", "zones", "seq", "now", "buffer", "reason")
    return {
        "conflicts": [finding_fields(each) for each in findings if each.verdict is Verdict.CONFLICT],
        "notices": [finding_fields(each) for each in findings if each.verdict is Verdict.NOTICE_REQUIRED],
        "checked": {
            "answer": word,
            "node": url,
            "items": None if items is None else [item.id for item in items],
            **{name: checked.get(name) for name in names},
        },
    }


def resolve_at_node(
    ctx: click.Context,
    operation: str | Item,
    limits: Limits,
    buffer: Buffer | None,
    apply: str | None,
    form: str,
    output: str | None,
) -> NoReturn:
    """Resolve an item at a node, declare one of the changes if that is wanted, and end the command.

    Args:
        ctx: The command.
        operation: The id of an item of the node, or an item.
        limits: How far to look.
        buffer: The gap to leave; None for that of the node.
        apply: The kind of change to declare; None for none.
        form: The form of the answer.
        output: Where it goes; None for the standard output.
    """
    from keepclear.adapters.http.client import NodeAnswerError
    from keepclear.codec import resolutions
    from keepclear.codec.told import resolution_of
    from keepclear.console import tables
    from keepclear.core.errors import InvalidValueError

    writers = {
        "json": resolutions.resolution_json,
        "csv": resolutions.resolution_csv,
        "geojson": resolutions.resolution_geojson,
        "table": tables.resolution_table,
    }
    item_id = operation if isinstance(operation, str) else operation.id
    with opened_node(ctx) as client:
        # Read before the question: a change in between is then refused, not written over.
        version = None if apply is None else _version_at(client, item_id)
        asked = operation if isinstance(operation, str) else _api_fields(operation)
        earliest = limits.not_before or client.session().now  # nothing can be moved into the past
        told = client.resolve(asked, limits=_limit_fields(limits, earliest), buffer=buffer)
        try:
            resolution = resolution_of(told)
        except InvalidValueError as error:
            raise NodeAnswerError(client.url, str(error)) from None
        put(writers[form](resolution), output)
        if apply is None:
            ctx.exit(EXIT_CLEAR if not resolution.conflicts else EXIT_CONFLICT)
        ctx.exit(_applied(client, resolution, apply, version))


def _limit_fields(limits: Limits, not_before: datetime) -> dict[str, Any]:
    from keepclear.core.times import rfc3339

    return {
        "time_s": limits.time_s,
        "altitude_m": limits.altitude_m,
        "lateral_m": limits.lateral_m,
        "lowest_m": limits.lowest_m,
        "not_before": rfc3339(not_before),
    }


def _version_at(client: NodeClient, item_id: str) -> int | None:
    """Return the version of an item at a node; None if it is not declared there."""
    from keepclear.adapters.http.client import NodeRefusedError

    try:
        record = client.item(item_id)
    except NodeRefusedError as error:
        if error.status == _NOT_FOUND:
            return None
        raise
    return None if record.withdrawn else record.version


def _applied(client: NodeClient, resolution: Resolution, apply: str, version: int | None) -> int:
    """Declare a change of a resolution, or amend the item by it, and return the exit code."""
    from keepclear.adapters.http.client import NodeRefusedError

    if resolution.is_clear:
        say(f"{resolution.item_id} is clear as it stands; nothing was changed")
        return EXIT_CLEAR if not resolution.conflicts else EXIT_CONFLICT
    change = next((each for each in resolution.changes if each.kind.value == apply), None)
    if change is None:
        say(f"error: there is no change of {apply.replace('_', ' ')} that clears it; nothing was changed")
        return EXIT_CONFLICT
    try:
        if version is None:
            outcome, done = client.declare(change.item), "declared"
        else:
            outcome, done = client.amend(change.item, version), "amended"
    except NodeRefusedError as error:
        if not (error.findings or error.breaches):
            raise
        say(f"error: meanwhile something else came in the way: {error}")
        return EXIT_CONFLICT
    return _said_applied(outcome, done)


def _said_applied(outcome: Outcome, done: str) -> int:
    record = outcome.record
    is_clear = record.standing == "clear" and not outcome.findings
    standing = "clear" if is_clear else record.standing.replace("clear", "a notice is required")
    say(f"{done}: {record.item['id']}, version {record.version}, {standing}")
    return EXIT_CLEAR if is_clear else EXIT_CONFLICT
