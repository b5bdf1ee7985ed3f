"""The commands for the telephone: a check of the picture while the link is cut, and messages on paper.

Each prompts step by step for what is heard and tells what to read out. Only click is imported at the start;
what a command needs is imported when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from keepclear.cli_client import node_options, opened_voice
from keepclear.cli_hotline import Number, language_option, message_of, say_texts, send, shown
from keepclear.cli_io import EXIT_CANNOT_DECIDE, EXIT_CLEAR, EXIT_CONFLICT, put, say
from keepclear.cli_officer import Officer, json_option, officer_options, say_deed

if TYPE_CHECKING:
    from keepclear.adapters.http.voicing import PaperTold, PartTold, PictureTold, Spelled, VoiceClient
    from keepclear.core.deeds import Heard
    from keepclear.core.refs import ItemRef, MessageRef

NOTHING: Final = "-"
"""What is typed where there is nothing."""
NAMED_MAX: Final = 3
"""Once no side holds more in a part, its names are read out, and no more codes."""
_LOGS: Final = ".log"
_DIGITS_MAX: Final = 18


@click.group()
def voice() -> None:
    """Check by telephone that another party holds the same picture.

    \b
    Examples:
      keepclear voice check bravo
    """


# -- the picture ------------------------------------------------------------------------------------


@voice.command("check")
@click.argument("party", metavar="PARTY")
@click.option("--ours", metavar="'A N B M'", help="What we said that we hold of the two logs (with --json).")
@click.option("--theirs", metavar="'A N B M'", help="What they said that they hold (with --json).")
@click.option("--challenge-ours", metavar="SYMBOLS", help="The challenge that we read out (with --json).")
@click.option("--challenge-theirs", metavar="SYMBOLS", help="The challenge that they read out (with --json).")
@click.option("--path", metavar="PATH", default="", help="The part that is compared (with --json).")
@click.option("--no-sign", is_flag=True, help="Do not sign what came of it.")
@language_option()
@officer_options()
@node_options()
@json_option()
@click.pass_context
def voice_check(
    ctx: click.Context,
    party: str,
    ours: str | None,
    theirs: str | None,
    challenge_ours: str | None,
    challenge_theirs: str | None,
    path: str,
    no_sign: bool,
    language: str,
    as_json: bool,
) -> None:
    """Compare the picture with PARTY by telephone, step by step; both sides run this at the same time.

    First both say how far they hold the two logs. Then both draw a challenge, and read it out only now. Then
    each reads out one half of the code, and listens to the other. Where they differ, smaller and smaller
    parts are compared until what differs has a name. What came of it is signed, and sent when that is
    possible.

    With --json one step is made with what the options give, nothing is asked and nothing is signed.

    Exit codes: 0 the same; 1 different, and what differs is named; 3 it could not be told.

    \b
    Examples:
      keepclear voice check bravo
      keepclear voice check bravo --json --theirs "alpha 118 bravo 240"
    """
    from keepclear.codec.results import pretty_json

    if as_json:
        import msgspec

        said = {
            "ours": _sizes("ours", ours),
            "theirs": _sizes("theirs", theirs),
            "challenge_ours": challenge_ours,
            "challenge_theirs": challenge_theirs,
            "path": path,
        }
        with opened_voice(ctx) as client:
            put(pretty_json(msgspec.to_builtins(client.picture_check(party, said))))
        return
    with opened_voice(ctx) as client:
        officer = None if no_sign else Officer.of(ctx)
        check = _Check(client, party, language)
        outcome = check.made()
        put(f"{outcome}\n".encode())
        if officer is not None:
            _sign(client, officer, check, language)
        ctx.exit(check.exit_code)


def _sizes(name: str, text: str | None) -> dict[str, int] | None:
    if text is None:
        return None
    words = text.split()
    sizes = dict(zip(words[::2], words[1::2], strict=False))
    is_whole = len(words) == 2 * len(sizes) == 4  # two names, each with a size
    if not is_whole or not all(size.isascii() and size.isdecimal() for size in sizes.values()):
        reason = "name both logs and their sizes, such as 'alpha 118 bravo 240'"
        raise click.BadParameter(reason, param_hint=f"--{name}")
    return {party: int(size[:_DIGITS_MAX]) for party, size in sizes.items()}


class _Check:
    """A check of the picture, as it goes on by telephone.

    Attributes:
        party: With whom.
        ours: What the other side had to read out.
        heard: What it did read out.
        differs: The version of an item that differs; None for none.
        exit_code: That of the command.
    """

    def __init__(self, client: VoiceClient, party: str, language: str) -> None:
        self._client, self.party, self._language = client, party, language
        self._said: dict[str, object] = {}
        self.ours = self.heard = ""
        self.differs: ItemRef | None = None
        self.exit_code = EXIT_CANNOT_DECIDE

    def made(self) -> str:
        """Go through it; return what came of it, in a line."""
        told = self._sizes_and_challenges()
        assert told.ours is not None
        assert told.theirs is not None
        is_first = told.parties[0] != self.party
        if is_first:
            self._read_out("Read out your half of the code", told.ours)
        self.heard = _symbols(f"What {self.party} reads out as its half", len(told.theirs.symbols))
        if not is_first:
            self._read_out("Now read out your half of the code", told.ours)
        self.ours = told.theirs.symbols
        sizes = ", ".join(f"{party} {size}" for party, size in (told.frozen or {}).items())
        if self.heard == self.ours:
            self.exit_code = EXIT_CLEAR
            return f"SAME: {self.party} holds the same picture by the logs up to {sizes}"
        say(f"DIFFERENT: {self.heard} was read out, and it should be {self.ours}. Find out what differs:")
        return self._find("", told)

    def _sizes_and_challenges(self) -> PictureTold:
        told = self._ask()
        held = " ".join(f"{party} {size}" for party, size in told.held.items())
        say(f"Read out how far you hold the two logs: {held}")
        self._said["ours"] = told.held
        self._said["theirs"] = {
            party: click.prompt(
                f"How far {self.party} holds the log of {party}", type=click.IntRange(0), err=True
            )
            for party in told.held
        }
        told = self._ask()
        for remark in told.remarks:
            say(f"WARNING: {remark}")
        assert told.frozen is not None
        assert told.challenge is not None
        both = " ".join(f"{party} {size}" for party, size in told.frozen.items())
        say(f"Compared are the logs up to: {both}. Both sides must say the same here.")
        self._said["challenge_ours"] = told.challenge.symbols
        self._read_out("Read out your challenge", told.challenge)
        self._said["challenge_theirs"] = _symbols(
            f"The challenge of {self.party}", len(told.challenge.symbols)
        )
        return self._ask()

    def _find(self, path: str, told: PictureTold) -> str:
        """Compare parts until what differs has a name; return that in a line."""
        while True:
            chosen = self._compare(path, told.parts or [])
            if chosen is None:
                return (
                    "NOT TOLD: all parts are alike, and the whole is not. A symbol was misheard: start again"
                )
            if chosen.endswith(_LOGS):
                self.exit_code = EXIT_CONFLICT
                owner = told.parties[("a.log", "b.log").index(chosen)]
                return (
                    f"DIFFERENT: the log of {owner} is not the same on both sides, though what stands is: "
                    "exchange bundles, which prove it where a log was told in two stories"
                )
            path, told = chosen, self._ask(chosen)
            ours = told.standing_count or 0
            theirs = click.prompt(f"You hold {ours} here. How many do they", type=click.IntRange(0), err=True)
            found = self._named(told, theirs) if max(ours, theirs) <= NAMED_MAX else None
            if found is not None:
                return found

    def _compare(self, path: str, parts: Sequence[PartTold]) -> str | None:
        """Return the path of the first part that differs; of the logs only where nothing else does."""
        log = None
        for part in parts:
            self._read_out(f"Part: {part.label} ({part.size}). Read out", part.code)
            heard = _symbols(f"What they read out of {part.label}", len(part.code.symbols), may_lack=True)
            if heard != part.code.symbols:
                if not part.path.endswith(_LOGS):
                    return part.path
                log = log or part.path
        are_halves = any(part.path.endswith(("/0", "/1")) for part in parts)  # both have both of them
        return log if not path or are_halves else self._other_part(path)

    def _other_part(self, path: str) -> str | None:
        """Ask for a part that only the other side has; None where there is none."""
        from keepclear.adapters.http.client import NodeRefusedError

        while True:
            label: str = click.prompt(
                f"A part that they have and you do not, as 2026-11-30 or 'first half' ({NOTHING} for none)",
                err=True,
            )
            if label.strip() == NOTHING:
                return None
            if not label.isprintable():
                continue
            found = f"{path}/{_segment(label)}"
            try:
                self._ask(found)
            except NodeRefusedError as error:
                say(f"  {_reason(error)}")
            else:
                return found

    def _named(self, told: PictureTold, count: int) -> str | None:
        """Compare the few names that are left; return what differs in a line, None where that needs more."""
        items = {_spoken(each.name): each for each in told.standing or []}
        for each in items.values():
            say(f"Read out what you hold: {shown(each.name)}")
        said = [click.prompt("What they hold, as north:airdrop-1 v2", err=True) for _ in range(count)]
        theirs = {_spoken(name): name for name in said}
        ours_only = [each for name, each in items.items() if name not in theirs]
        theirs_only = [name for spoken, name in theirs.items() if spoken not in items]
        if not items and not theirs:
            return "NOT TOLD: nothing stands there on either side. A symbol was misheard: start again"
        if not ours_only and not theirs_only and len(items) > 1:
            return None
        self.exit_code = EXIT_CONFLICT
        refs = [_item_ref(each.item) for each in ours_only or items.values() if each.item is not None]
        refs += [ref for ref in map(_item_of, theirs_only) if ref is not None]
        self.differs = refs[0] if refs else None
        if not ours_only and not theirs_only:
            (same,) = items.values()
            return (
                f"DIFFERENT: {shown(same.name)} says something else on the other side: two stories were told"
            )
        here = shown(", ".join(each.name for each in ours_only)) or "nothing"
        there = shown(", ".join(theirs_only)) or "nothing"
        return f"DIFFERENT: you hold {here}, and {self.party} holds {there} in place of it"

    def _ask(self, path: str = "") -> PictureTold:
        return self._client.picture_check(self.party, {**self._said, "path": path})

    def _read_out(self, what: str, spelled: Spelled) -> None:
        from keepclear.core.symbols import grouped

        click.echo(
            f"{what}: {grouped(spelled.symbols)}  ({' '.join(spelled.words[self._language])})", err=True
        )


def _spoken(name: str) -> str:
    """Return what can be heard of a name."""
    return " ".join(name.split()).casefold()


def _segment(label: str) -> str:
    """Return the name of a part from what it is called: `8 days from 2026-11-24` is `2026-11-24+8`."""
    import re

    found = re.fullmatch(r"(\d+) days from (\S+)", label.strip())
    words = {"without a day": "undated", "first half": "0", "second half": "1"}
    return f"{found[2]}+{found[1]}" if found else words.get(label.strip(), label.strip())


def _symbols(what: str, count: int, *, may_lack: bool = False) -> str:
    """Ask for symbols until they are some."""
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.symbols import read_symbols

    hint = f" ({NOTHING} where they have no such part)" if may_lack else ""
    while True:
        text: str = click.prompt(f"{what}{hint}", err=True)
        if may_lack and text.strip() == NOTHING:
            return NOTHING
        try:
            return read_symbols(text, count)
        except InvalidValueError as error:
            say(f"  {error.reason}")


def _item_ref(item: Mapping[str, Any]) -> ItemRef:
    from keepclear.core.refs import ItemRef

    return ItemRef(party=item["party"], id=item["id"], version=item["version"])


def _item_of(name: str) -> ItemRef | None:
    """Return the version of an item that a name says; None for anything else."""
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.messages import FieldKind
    from keepclear.core.refs import ItemRef
    from keepclear.core.written import read_value

    try:
        value = read_value(FieldKind.ITEM, name)
    except InvalidValueError:
        return None
    return value if isinstance(value, ItemRef) else None


def _sign(client: VoiceClient, officer: Officer, check: _Check, language: str) -> None:
    from keepclear.core.messages import Code, Value

    fields: list[tuple[str, Value]] = [("ours", check.ours), ("heard", check.heard)]
    if check.differs is not None:
        fields.append(("differs", check.differs))
    message = message_of(Code.PICTURE_CHECKED, check.party, fields, now=client.session().now)
    ref = send(client, officer, message, language=language)
    put(f"signed: {ref}\n".encode())


# -- paper ------------------------------------------------------------------------------------------


@click.group()
def paper() -> None:
    """Print messages to be read out, and write down what is read out.

    Every line has a check symbol, so that a slip is noticed at once.

    \b
    Examples:
      keepclear paper print "alpha 17" -o alpha-17.html
      keepclear paper read
    """


@paper.command("print")
@click.argument("number", metavar="[NUMBER]", type=Number(), required=False)
@click.option("--code", metavar="CODE", help="An empty form for this code, to be filled in by hand.")
@click.option("--text", "as_text", is_flag=True, help="Plain text, not a page.")
@click.option("--output", "-o", metavar="FILE", help="Where it goes.  [default: standard output]")
@language_option()
@node_options()
@click.pass_context
def paper_print(
    ctx: click.Context,
    number: MessageRef | None,
    code: str | None,
    as_text: bool,
    output: str | None,
    language: str,
) -> None:
    """Write the form of the message NUMBER, or an empty one, as a page to be printed.

    English stands beside the language. An empty form needs no node: print some while all is well.

    \b
    Examples:
      keepclear paper print "alpha 17" --language ar -o alpha-17.html
      keepclear paper print --code request_stop --language ru -o stop.html
    """
    from keepclear.codec.catalogue.texts import Language
    from keepclear.console.paper import form_page, form_text
    from keepclear.core.paper import form_of, read_form

    if (number is None) is (code is None):
        raise click.UsageError("name the number of a message, or a code with --code")
    form = None
    if number is None:
        from keepclear.cli_client import told_faults
        from keepclear.cli_hotline import code_of

        with told_faults():
            known = code_of(code or "")
    else:
        with opened_voice(ctx) as client:
            told = client.paper(number.party, number.n)
            lines = [(line.text, line.symbol.symbols) for line in told.lines]
            form = form_of(read_form(lines, told.total.symbols))
        known = form.heard.message.code
    chosen = Language(language)
    put(shown_lines(form_text(known, form, chosen)) if as_text else form_page(known, form, chosen), output)


def shown_lines(text: str) -> bytes:
    """Return lines for a terminal or a file: nothing in them steers it."""
    return "".join(f"{shown(line)}\n" for line in text.split("\n")).encode()


@paper.command("read")
@click.option("--file", "file", metavar="FILE", help="Lines of 'SYMBOL TEXT', and '= TOTAL' at the end.")
@click.option("--no-symbols", is_flag=True, help="The form has none: it was written by hand.")
@click.option("--yes", "-y", is_flag=True, help="Sign without asking, where the form has all its symbols.")
@language_option()
@officer_options()
@node_options()
@click.pass_context
def paper_read(ctx: click.Context, file: str | None, no_symbols: bool, yes: bool, language: str) -> None:
    """Write down a message that another party reads out, and sign that it was heard.

    Line by line: type what you hear and then its check symbol, as a symbol or as its word. A line with a
    slip is refused at once, and asked for again. When the message itself arrives later, it is compared with
    what you wrote down, and a difference is told.

    In a file each line is the symbol, a blank, and the text; the last one is '=' and the total. A hyphen
    stands for no symbol.

    \b
    Examples:
      keepclear paper read
      keepclear paper read --file heard.txt --yes
    """
    with opened_voice(ctx) as client:
        officer = Officer.of(ctx)
        with _named_lines():
            if file is None:
                told, total = _listened(client, language, with_symbols=not no_symbols)
                symbols = [] if no_symbols else [line.symbol.symbols for line in told.lines]
            else:
                lines, total = _file_lines(file)
                told = client.read_paper(lines, total, is_complete=True)
                symbols = [symbol for _, symbol in lines if symbol is not None]
        heard = _heard(told, total)
        name = heard.by if heard.n is None else f"{heard.by} {heard.n}"
        say_texts(told.texts or {}, first=language)
        if told.heard_in is not None:
            put(f"heard before: {name}, in entry {told.heard_in}; nothing is signed again\n".encode())
            return
        if not told.checked:
            _read_back(told, language, _lacking(told, symbols))
        if not (yes and told.checked):
            click.confirm(f"Sign as {officer.person} that you heard this?", abort=True, err=True)
        number = say_deed(client, officer, heard).n
    put(f"heard: {name}, signed in entry {number}\n".encode())


@contextmanager
def _named_lines() -> Iterator[None]:
    """Tell of a form that is refused which line is wrong, counted from 1, and why.

    Raises:
        InvalidValueError: The form is refused.
    """
    from keepclear.adapters.http.client import NodeRefusedError
    from keepclear.core.errors import InvalidValueError

    try:
        yield
    except NodeRefusedError as error:
        if not error.problems:
            raise
        first, *more = error.problems
        reason = "; ".join([first.reason, *(f"{_line_name(each.field)}: {each.reason}" for each in more)])
        raise InvalidValueError(_line_name(first.field), reason) from None


def _line_name(field: str) -> str:
    """Return what people call a line that a node names: `lines[7].fields.call_sign` is line 8, call sign."""
    import re

    found = re.fullmatch(r"lines\[(\d+)\](?:\.(.*))?", field)
    name = (field if found is None else found[2] or "").removeprefix("fields.").replace("_", " ")
    return ", ".join(filter(None, ["" if found is None else f"line {int(found[1]) + 1}", name]))


def _lacking(told: PaperTold, symbols: Sequence[str]) -> str:
    """Tell which symbols a form lacks that is not checked."""
    if not symbols:
        return "The form has no symbols"
    if len(symbols) == len(told.lines):
        return "The symbols of the whole form are missing"
    return "Symbols of lines are missing"


def _listened(client: VoiceClient, language: str, *, with_symbols: bool) -> tuple[PaperTold, str | None]:
    """Ask for line after line until the form is complete."""
    from keepclear.adapters.http.client import NodeRefusedError

    lines: list[tuple[str, str | None]] = []
    told = client.read_paper(lines)
    while told.next is not None:
        label = told.next.labels[language]
        may_be = "" if told.next.needed else f" ({NOTHING} for nothing)"
        text: str = click.prompt(shown(f"{label}{may_be}"), err=True)
        if not text.isprintable():
            say("  it must be printable characters; type it again")
            continue
        symbol: str | None = click.prompt("  check symbol", err=True) if with_symbols else None
        try:
            told = client.read_paper([*lines, (text, symbol)])
        except NodeRefusedError as error:
            say(f"  {_reason(error)}")
            continue
        lines.append((told.lines[-1].text, None if symbol is None else told.lines[-1].symbol.symbols))
    while True:
        total: str | None = click.prompt("Total", err=True) if with_symbols else None
        try:
            return client.read_paper(lines, total, is_complete=True), total
        except NodeRefusedError as error:
            if total is None or not error.problems or error.problems[0].field != "total":
                raise
            say(f"  {_reason(error)}")
            if not click.confirm("  Is the total to be asked for again? Else start the form again", err=True):
                raise


def _reason(error: Any) -> str:
    return "; ".join(problem.reason for problem in error.problems) or str(error)


def _file_lines(file: str) -> tuple[list[tuple[str, str | None]], str | None]:
    from keepclear.adapters.files import read_bytes
    from keepclear.core.errors import InvalidValueError

    try:
        text = read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidValueError(file, "it is not UTF-8") from None
    total, lines = None, []
    for line in filter(None, text.splitlines()):
        symbol, _, rest = line.partition(" ")
        if symbol == "=":
            total = rest
        else:
            lines.append((rest, None if symbol == NOTHING else symbol))
    return lines, total


def _heard(told: PaperTold, total: str | None) -> Heard:
    from keepclear.core.paper import read_form

    return read_form([(line.text, None) for line in told.lines], total)


def _read_back(told: PaperTold, language: str, lacking: str) -> None:
    say(f"{lacking}, so a slip may not show. Read every line back, and have it confirmed:")
    for line in told.lines:
        say(f"  {line.labels[language]}: {line.text}")
