"""The wiring of the watch: settings to rules, feeds and a recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from keepclear.adapters import clock
from keepclear.adapters.feeds.address import FeedAddress, parse_feeds
from keepclear.adapters.files import read_bytes
from keepclear.adapters.recording.limits import RecordingLimits
from keepclear.adapters.recording.recorder import Recorder
from keepclear.adapters.settings import Settings
from keepclear.adapters.watching.rounds import Round, Rounds
from keepclear.codec import rule_sets
from keepclear.codec.json_errors import did_you_mean
from keepclear.core.conflicts import Item
from keepclear.core.conformance_findings import ConformanceSettings, Declared
from keepclear.core.errors import InvalidValueError
from keepclear.core.named_rules import RULE_SETS
from keepclear.core.rules import RuleSet
from keepclear.core.track_picture import Ageing
from keepclear.node.ports import Clock
from keepclear.node.watch import Sight, Watch, WatchRules

CURRENT_SHARE: Final = 1.0 / 3.0
"""A track is current up to this share of the age up to which it coasts."""


def rule_set_of(name: str, folder: Path = Path()) -> RuleSet:
    """Return a rule set by its name, or from a file.

    Args:
        name: The name, or a file that ends in `.toml`.
        folder: What the file is relative to.

    Raises:
        InvalidValueError: There is none of this name, or the file cannot be used.
    """
    if name in RULE_SETS:
        return RULE_SETS[name]
    if not name.endswith(".toml"):
        hint = did_you_mean(name, list(RULE_SETS))
        raise InvalidValueError("rules", f"there is no rule set {name!r}{hint}; a file ends in .toml")
    try:
        return rule_sets.decode(read_bytes(str(folder / name)))
    except InvalidValueError as error:
        raise InvalidValueError(f"rules: {folder / name}", str(error)) from None


def watch_rules_of(settings: Settings) -> WatchRules:
    """Return by what the node of a configuration watches.

    Raises:
        InvalidValueError: A value cannot be used.
    """
    watch = settings.watch
    folder = Path() if settings.file is None else settings.file.parent
    try:
        return WatchRules(
            rule_set=rule_set_of(watch.rules, folder),
            ageing=_ageing(watch.coast_s, watch.lost_s, watch.forget_s),
            tracks_max=settings.limits.tracks,
        )
    except InvalidValueError as error:
        raise error.within("watch") from None


def _ageing(coast_s: float, lost_s: float, forget_s: float = 600.0) -> Ageing:
    return Ageing(
        current_s=coast_s * CURRENT_SHARE,
        coast_s=coast_s,
        degraded_s=lost_s,
        forget_s=max(forget_s, 2.0 * lost_s),
    )


def feeds_of(settings: Settings) -> tuple[FeedAddress, ...]:
    """Return where the node of a configuration has its tracks from.

    Raises:
        InvalidValueError: An address cannot be used.
    """
    try:
        return parse_feeds(settings.watch.feeds)
    except InvalidValueError as error:
        raise error.within("watch.feeds") from None


def recorder_of(settings: Settings, *, now: Clock = clock.now) -> Recorder | None:
    """Return what records what the node of a configuration sees; None where nothing is to be.

    Raises:
        InvalidValueError: A limit cannot be used.
    """
    watch = settings.watch
    if not watch.record:
        return None
    limits = RecordingLimits(hours=watch.keep_hours, bytes_max=watch.keep_bytes)
    return Recorder(watch.recordings, limits, now, party=settings.node.party)


class _Files:
    """What was read from files is declared, and stays so."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._is_held = False

    def bring(self, watch: Watch, now_ms: int) -> Sight:  # noqa: ARG002 - files do not change
        """Hold the items, the first time."""
        if not self._is_held:
            for item in self._items:
                watch.hold(Declared(item=item))
            self._is_held = True
        return Sight()


def standalone(
    addresses: Sequence[FeedAddress],
    rule_set: RuleSet,
    items: Sequence[Item],
    told: Callable[[Round], None],
    *,
    cycle_s: float = 0.5,
    lost_s: float = 30.0,
    record: str | None = None,
) -> Rounds:
    """Return what watches without a node.

    Args:
        addresses: Where tracks come from.
        rule_set: By what encounters are judged.
        items: What is declared; where nothing is, nothing is undeclared.
        told: Called with each round.
        cycle_s: So often everything is judged.
        lost_s: A track whose position is older is not judged any more.
        record: The folder in which everything is recorded; None for nowhere.

    Raises:
        InvalidValueError: A feed cannot be used.
    """
    conformance = ConformanceSettings(tells_undeclared=bool(items))
    return Rounds(
        Watch(WatchRules(rule_set=rule_set, ageing=_ageing(lost_s / 2.0, lost_s), conformance=conformance)),
        addresses,
        clock.now,
        _Files(items),
        told,
        keeps=None if record is None else Recorder(Path(record), RecordingLimits(), clock.now, party=""),
        cycle_s=cycle_s,
    )
