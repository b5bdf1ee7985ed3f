"""The wiring, and what `import keepclear` offers: files to items to answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from keepclear.adapters import files
from keepclear.codec import formats
from keepclear.codec.formats import Format
from keepclear.codec.reading import Gathered, Item, Reading, ReadSettings, gather
from keepclear.codec.results import CheckResult
from keepclear.core.conflicts import NO_BUFFER, Buffer, ConflictRule, Finding
from keepclear.core.errors import InvalidValueError
from keepclear.core.index import Engine, Progress
from keepclear.core.picture import Picture
from keepclear.core.resolution import Resolution
from keepclear.core.resolution import resolve as resolve_in
from keepclear.core.shifts import DEFAULT_LIMITS, Limits

Source = str | os.PathLike[str] | Item
"""The name of a file, or an item."""

_IN_MEMORY = "items"


def load(
    sources: Iterable[Source],
    *,
    settings: ReadSettings | None = None,
    kind: Format | None = None,
    opened: Callable[[str], None] | None = None,
) -> Gathered:
    """Read files, and take items as they are.

    Args:
        sources: Names of files (`-` for the standard input), items, or both.
        settings: What is stated about all files, such as the pressure for flight levels.
        kind: The format of all files; None to tell each by its name and beginning.
        opened: Called with the name of each file before it is read.

    Returns:
        The items, every problem of every file, and what was assumed. Nothing is raised for what a
        file says.
    """
    readings: list[Reading] = []
    in_memory = Reading(_IN_MEMORY)
    for source in sources:
        if not isinstance(source, str | os.PathLike):
            in_memory.accept(source, place=f"item {len(in_memory.placed) + 1}")
            continue
        name = os.fspath(source)
        if opened is not None:
            opened(name)
        try:
            readings.append(formats.decode(files.read_bytes(name), name, settings or ReadSettings(), kind))
        except InvalidValueError as error:
            readings.append(Reading(name))
            readings[-1].refuse_value(error)
    if in_memory.placed:
        readings.append(in_memory)
    return gather(readings)


def check_gathered(
    gathered: Gathered,
    *,
    buffer: Buffer = NO_BUFFER,
    near: Buffer | None = None,
    all_pairs: bool = False,
    rule: ConflictRule = ConflictRule.PER_VOLUME,
    skip_bad: bool = False,
    engine: Engine = Engine.AUTO,
    progress: Progress | None = None,
) -> CheckResult:
    """Check what was loaded; see `check`."""
    findings: tuple[Finding, ...] = ()
    ended_count = 0
    if skip_bad or not gathered.problems:
        picture = Picture(gathered.items, rule=rule, engine=engine)
        findings = picture.findings(buffer=buffer, near=near, all_pairs=all_pairs, progress=progress)
        ended_count = picture.ended_count
    return CheckResult(
        findings=findings,
        items=gathered.items,
        ended_count=ended_count,
        buffer=buffer,
        near=near,
        rule=rule,
        all_pairs=all_pairs,
        problems=gathered.problems,
        assumptions=gathered.assumptions,
        sources=gathered.sources,
        is_partial=skip_bad and bool(gathered.problems),
    )


def check(
    sources: Iterable[Source],
    *,
    buffer: Buffer = NO_BUFFER,
    near: Buffer | None = None,
    all_pairs: bool = False,
    rule: ConflictRule = ConflictRule.PER_VOLUME,
    skip_bad: bool = False,
    settings: ReadSettings | None = None,
    engine: Engine = Engine.AUTO,
) -> CheckResult:
    """Find all conflicts among operations and zones.

    Args:
        sources: Names of files, items, or both.
        buffer: The gap that items must leave; without one, contact alone is a conflict.
        near: Gaps up to which pairs that are clear are reported as near misses; None for none.
        all_pairs: True to judge items of one party against each other too.
        rule: When two items conflict.
        skip_bad: True to check the rest where a file has problems; the answer is then never "clear".
        settings: What is stated about all files, such as the pressure for flight levels.
        engine: Which code searches; the answers are the same.

    Returns:
        What was found and what was checked. With problems and without `skip_bad` there is no
        verdict: see `CheckResult.answer`.
    """
    return check_gathered(
        load(sources, settings=settings),
        buffer=buffer,
        near=near,
        all_pairs=all_pairs,
        rule=rule,
        skip_bad=skip_bad,
        engine=engine,
    )


def resolve(
    sources: Iterable[Source],
    operation: str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    buffer: Buffer = NO_BUFFER,
    all_pairs: bool = False,
    settings: ReadSettings | None = None,
    engine: Engine = Engine.AUTO,
) -> Resolution:
    """Find the smallest changes of one operation that clear it of everything else.

    Args:
        sources: Names of files, items, or both.
        operation: The id of the operation to move.
        limits: How far to look.
        buffer: The gap that must be left.
        all_pairs: True to avoid items of the same party too.
        settings: What is stated about all files.
        engine: Which code searches.

    Returns:
        The conflicts as they stand, and the smallest change of each kind.

    Raises:
        InvalidValueError: A file has a problem: what is left out could be in the way.
        UnknownItemError: There is no such operation.
    """
    gathered = load(sources, settings=settings)
    if gathered.problems:
        raise InvalidValueError("", "; ".join(str(problem) for problem in gathered.problems))
    item = gathered.item(operation)
    picture = Picture(gathered.items, engine=engine)
    return resolve_in(picture, item, limits=limits, buffer=buffer, all_pairs=all_pairs)
