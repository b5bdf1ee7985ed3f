"""Encounters in a picture of tracks: what `keepclear encounters` does.

Only click is imported at the start; what the command needs is imported when it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from keepclear.cli_io import (
    EXIT_BAD_INPUT,
    EXIT_CANNOT_DECIDE,
    EXIT_CLEAR,
    EXIT_CONFLICT,
    chosen_engine,
    format_option,
    is_given,
    output_option,
    progress_bar,
    put,
    refuse_overwriting,
    say,
)

if TYPE_CHECKING:
    from keepclear.core.air_picture import AirPicture
    from keepclear.core.encounters import Minima
    from keepclear.core.findings import Judged
    from keepclear.core.index import Engine
    from keepclear.core.rules import RuleSet

DEFAULT_RULE_SET: Final = "en-route"
PAIRS_RULE: Final = "do-365b"
_MINIMA: Final = "minima"

_EXITS: Final = """
Exit codes: 0 no encounter; 1 encounters; 2 bad usage or bad input (no verdict); 3 could not decide:
a track could not be judged, an encounter cannot be excluded, or there is nothing to judge.
"""


@click.command(epilog=_EXITS)
@click.argument("picture", required=False, metavar="[PICTURE.csv]")
@click.option(
    "--pairs", metavar="FILE.csv", help="Judge pairs of aircraft, a row each, in place of a picture."
)
@click.option(
    "--rule",
    metavar="NAME|FILE.toml",
    help=f"A rule set, by its name or in a file.  [default: {DEFAULT_RULE_SET}; {PAIRS_RULE} with --pairs]",
)
@click.option("--lateral-m", type=float, help="The lateral minimum, in place of a rule set.")
@click.option("--vertical-m", type=float, help="The vertical minimum; `inf` to judge laterally alone.")
@click.option(
    "--lookahead-s", type=float, help="How far it is looked ahead, with the two minima.  [default: 300]"
)
@click.option("--draw", metavar="A,B", help="Draw what two tracks will do, as SVG.")
@click.option("--list-rules", is_flag=True, help="List the rule sets, and what they keep.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "plain", "loops"]),
    default="auto",
    show_default=True,
    help="Which code searches; the answers are the same.",
)
@format_option("table", "json", "csv", "geojson")
@output_option()
@click.pass_context
def encounters(
    ctx: click.Context,
    picture: str | None,
    pairs: str | None,
    rule: str | None,
    lateral_m: float | None,
    vertical_m: float | None,
    lookahead_s: float | None,
    draw: str | None,
    list_rules: bool,
    engine: str,
    form: str,
    output: str | None,
) -> None:
    """Find all predicted losses of separation among the tracks of PICTURE.csv.

    A track goes straight on at its speed, and its altitude changes at its rate. Columns: id, latitude_deg,
    longitude_deg, altitude_ft, ground_speed_kt, track_deg, vertical_rate_fpm; and, if known, party, kind,
    formation, contact, age_s, position_accuracy_m, altitude_accuracy_ft. A - reads from the standard input.

    \b
    Examples:
      keepclear encounters picture.csv
      keepclear encounters picture.csv --lateral-m 9260 --vertical-m 304.8 --lookahead-s 300 --format json
      keepclear encounters picture.csv --rule rule-of-threes
      keepclear encounters picture.csv --draw ONE,TWO --output encounter.svg
      keepclear encounters --pairs pairs.csv --rule do-365b --format csv
      keepclear encounters --list-rules
    """
    if list_rules:
        put(_rules_listed(form), output)
        ctx.exit(EXIT_CLEAR)
    if (picture is None) == (pairs is None):
        raise click.UsageError("Missing argument 'PICTURE.csv', or --pairs; give one of the two")
    refuse_overwriting((picture or pairs or "",), output)
    minima = _minima(rule, lateral_m, vertical_m, lookahead_s)
    if pairs is not None:
        if draw is not None:
            raise click.UsageError("--draw goes with PICTURE.csv, not with --pairs")
        _judge_pairs(ctx, pairs, rule, minima, form, output)
    assert picture is not None
    if draw is not None and is_given(ctx, "form"):
        raise click.UsageError("--draw writes SVG; leave --format out")
    _judge_picture(ctx, picture, rule, minima, chosen_engine(engine), form, draw, output)


def _minima(
    rule: str | None, lateral_m: float | None, vertical_m: float | None, lookahead_s: float | None
) -> Minima | None:
    """Return the minima that were given; None for a rule set."""
    from keepclear.core.encounters import Minima
    from keepclear.core.errors import InvalidValueError

    if lateral_m is None and vertical_m is None:
        if lookahead_s is not None:
            raise click.UsageError(
                "--lookahead-s goes with --lateral-m and --vertical-m; rules have their own"
            )
        return None
    if rule is not None:
        raise click.UsageError("give --rule, or --lateral-m and --vertical-m")
    if lateral_m is None or vertical_m is None:
        raise click.UsageError("--lateral-m and --vertical-m go together")
    try:
        return Minima(
            lateral_m=lateral_m,
            vertical_m=vertical_m,
            lookahead_s=300.0 if lookahead_s is None else lookahead_s,
        )
    except InvalidValueError as error:
        raise click.BadParameter(error.reason, param_hint=f"'--{error.field.replace('_', '-')}'") from None


def _rule_set(rule: str | None, minima: Minima | None) -> RuleSet:
    """Return the rule set that was asked for; end the command where its file cannot be used."""
    from keepclear.adapters.files import read_bytes
    from keepclear.codec import rule_sets
    from keepclear.codec.json_errors import did_you_mean
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.named_rules import RULE_SETS
    from keepclear.core.rules import Level, Rule, RuleSet

    if minima is not None:
        level = Level(
            name="encounter",
            lateral_m=minima.lateral_m,
            vertical_m=minima.vertical_m,
            lookahead_s=minima.lookahead_s,
        )
        return RuleSet(name=_MINIMA, default=Rule(name=_MINIMA, levels=(level,)))
    name = DEFAULT_RULE_SET if rule is None else rule
    if name in RULE_SETS:
        return RULE_SETS[name]
    if not name.endswith(".toml"):
        hint = did_you_mean(name, list(RULE_SETS))
        raise click.BadParameter(
            f"there is no rule set {name!r}{hint}; a file ends in .toml", param_hint="'--rule'"
        )
    try:
        return rule_sets.decode(read_bytes(name))
    except InvalidValueError as error:
        say(f"error: {name}: {error}")
        raise SystemExit(EXIT_BAD_INPUT) from None


def _judge_picture(
    ctx: click.Context,
    name: str,
    rule: str | None,
    minima: Minima | None,
    engine: Engine,
    form: str,
    draw: str | None,
    output: str | None,
) -> NoReturn:
    from keepclear.codec import air_pictures
    from keepclear.codec import encounters as codec
    from keepclear.console.encounter_tables import answer_table
    from keepclear.core import separation
    from keepclear.core.encounters import TooManyEncountersError
    from keepclear.core.errors import InvalidValueError

    rule_set = _rule_set(rule, minima)
    read = air_pictures.decode_picture(_read(name), name)
    _say_problems(read.problems)
    if read.picture is None:
        raise SystemExit(EXIT_BAD_INPUT)
    try:
        with progress_bar() as progress:
            judged = separation.judge(read.picture, rule_set, engine=engine, progress=progress)
    except (InvalidValueError, TooManyEncountersError) as error:
        say(f"cannot decide: {error}")
        raise SystemExit(EXIT_CANNOT_DECIDE) from None
    fields = codec.answer_fields(
        judged,
        rule_set,
        tracks=read.track_count,
        unjudged=(*read.unjudged, *air_pictures.too_fast(read.picture, rule_set.lookahead_s)),
        assumptions=read.assumptions,
        engine=engine,
    )
    line = _line(judged, rule_set, fields)
    if draw is not None:
        put(_drawn(read.picture, rule_set, fields, draw), output)
    elif form == "table":
        put(answer_table(fields, line), output)
    else:
        writers = {"json": codec.answer_json, "csv": codec.answer_csv, "geojson": codec.answer_geojson}
        put(writers[form](fields, read.picture), output)
    if rule is None and minima is None:
        say(f"rule set: {rule_set.name} (--rule chooses another, --list-rules lists them)")
    for assumption in read.assumptions:
        say(f"assumed: {assumption}")
    for selector in judged.unmatched:
        say(f"note: no track fits {selector} in the rule set")
    if form != "table" or draw is not None or output is not None:
        say(line)
    ctx.exit(_exit_code(judged, fields))


def _exit_code(judged: Judged, fields: dict[str, Any]) -> int:
    if judged.findings:
        return EXIT_CONFLICT
    is_empty = fields["checked"]["tracks"] == 0
    is_partial = judged.cannot_exclude or fields["unjudged"] or _has_no_rule(judged) or is_empty
    return EXIT_CANNOT_DECIDE if is_partial else EXIT_CLEAR


def _has_no_rule(judged: Judged) -> bool:
    """Tell whether there are pairs, and no rule for any of them."""
    return judged.pairs_judged == 0 and judged.pairs_without_rule > 0


def _line(judged: Judged, rule_set: RuleSet, fields: dict[str, Any]) -> str:
    from keepclear.codec.words import count_text

    scope = f"{count_text(fields['checked']['tracks'], 'track')} judged by {rule_set.name}"
    more = [f"{judged.exempted_count:,} exempted"] if judged.exempted_count else []
    if judged.cannot_exclude:
        more.append(f"{len(judged.cannot_exclude):,} more that cannot be excluded")
    if fields["unjudged"]:
        more.append(f"{count_text(len(fields['unjudged']), 'track')} not judged, or not in full")
    if _has_no_rule(judged):
        more.append("no rule of it applies between any two of them")
    elif judged.pairs_without_rule:
        more.append(f"{count_text(judged.pairs_without_rule, 'pair')} without a rule")
    told = "".join(f"; {each}" for each in more)
    if judged.findings:
        return f"{count_text(len(judged.findings), 'encounter').upper()}: {scope}{told}"
    if _exit_code(judged, fields) == EXIT_CANNOT_DECIDE:
        return f"CANNOT DECIDE: {scope}; no encounter found{told}"
    return f"NO ENCOUNTER: {scope}{told}"


def _judge_pairs(
    ctx: click.Context, name: str, rule: str | None, minima: Minima | None, form: str, output: str | None
) -> NoReturn:
    from keepclear.codec import air_pictures
    from keepclear.codec import encounters as codec
    from keepclear.codec.results import pretty_json
    from keepclear.codec.words import count_text
    from keepclear.console.encounter_tables import rows_table

    if form == "geojson":
        raise click.UsageError("--pairs is written as table, json or csv")
    if rule not in {None, PAIRS_RULE}:
        raise click.UsageError(f"--pairs takes --rule {PAIRS_RULE}, or --lateral-m and --vertical-m")
    read = air_pictures.decode_pairs(_read(name), name)
    _say_problems(read.problems)
    if read.pairs is None:
        raise SystemExit(EXIT_BAD_INPUT)
    own, intruder = read.pairs
    inexact = 0
    if minima is None:
        from keepclear.core.well_clear import alert_levels

        rows, columns = codec.alerted_rows(alert_levels(own, intruder)), codec.ALERT_COLUMNS
        count = sum(row["alert_level"] > 0 for row in rows)
        line = f"{count_text(count, 'alert')} in {count_text(len(rows), 'pair')} by {PAIRS_RULE}"
    else:
        from keepclear.core.encounters import flies_too_far, judge_rows

        rows, columns = codec.judged_rows(judge_rows(own, intruder, minima)), codec.JUDGED_COLUMNS
        either = flies_too_far(own, minima.lookahead_s) | flies_too_far(intruder, minima.lookahead_s)
        inexact = int(either.sum())
        count = sum(row["encounter"] for row in rows)
        line = f"{count_text(count, 'encounter')} in {count_text(len(rows), 'pair')}"
    if inexact:
        line += f"; {inexact:,} of them fly too far within the look-ahead to be judged exactly"
    match form:
        case "json":
            put(pretty_json({"pairs": rows}), output)
        case "csv":
            put(codec.rows_csv(rows, columns), output)
        case _:
            put(rows_table(rows, columns, line), output)
    if form != "table" or output is not None:
        say(line)
    if count:
        ctx.exit(EXIT_CONFLICT)
    ctx.exit(EXIT_CANNOT_DECIDE if inexact or not rows else EXIT_CLEAR)


def _read(name: str) -> bytes:
    from keepclear.adapters.files import read_bytes
    from keepclear.core.errors import InvalidValueError

    try:
        return read_bytes(name)
    except InvalidValueError as error:
        say(f"error: {name}: {error}")
        raise SystemExit(EXIT_BAD_INPUT) from None


def _say_problems(problems: Any) -> None:
    for problem in problems:
        say(f"error: {problem}")


def _drawn(picture: AirPicture, rule_set: RuleSet, fields: dict[str, Any], draw: str) -> bytes:
    """Return the drawing of two tracks by the level that is told of them, or the first of the rule set."""
    from keepclear.codec.drawing.encounter import encounter_svg

    ids = _two_ids(draw, picture)
    told = (each for name in ("encounters", "cannot_exclude", "exempted") for each in fields[name])
    found = next((each for each in told if {each["a"], each["b"]} == set(ids)), None)
    rules = {rule.name: rule for rule in rule_set.rules}
    if found is None and len(rules) > 1:
        reason = f"there is nothing to draw: {ids[0]} and {ids[1]} have no encounter by {rule_set.name}"
        raise click.BadParameter(reason, param_hint="'--draw'")
    rule = rule_set.rules[0] if found is None else rules[found["rule"]]
    level = rule.level_names[0] if found is None else found["level"]
    return encounter_svg(picture, ids, rule, level).encode()


def _two_ids(draw: str, picture: AirPicture) -> tuple[str, str]:
    """Return the ids of two tracks that are judged; there may be commas in ids."""
    parts = draw.split(",")
    splits = [(",".join(parts[:k]).strip(), ",".join(parts[k:]).strip()) for k in range(1, len(parts))]
    splits = [(one, other) for one, other in splits if one != other]
    if not splits:
        raise click.BadParameter("give two ids, such as ONE,TWO", param_hint="'--draw'")
    ids = set(picture.ids)
    for split in splits:
        if ids.issuperset(split):
            return split
    missing = next(each for each in splits[0] if each not in ids)
    raise click.BadParameter(f"there is no track {missing!r} that is judged", param_hint="'--draw'")


def _rules_listed(form: str) -> bytes:
    from keepclear.codec.encounters import rule_fields
    from keepclear.codec.results import pretty_json
    from keepclear.console.encounter_tables import rules_table
    from keepclear.core.named_rules import RULE_SETS

    listed = [
        {"rule_set": name, "rules": [rule_fields(rule) for rule in each.rules]}
        for name, each in RULE_SETS.items()
    ]
    if form == "json":
        return pretty_json({"rule_sets": listed})
    if form != "table":
        raise click.UsageError("--list-rules is written as table or json")
    return rules_table(listed)
