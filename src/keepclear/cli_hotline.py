"""What the commands of the hotline share: numbers, times and texts of messages, and how one is sent.

What is signed is made here, and read here before; the node is asked for what speaks against it. Only click is
imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from keepclear.cli_io import Command, say
from keepclear.cli_officer import Officer, is_terminal, say_deed

if TYPE_CHECKING:
    from keepclear.adapters.http.hotlining import HotlineClient, MessageTold, Warned
    from keepclear.adapters.http.talking import TalkClient
    from keepclear.core.messages import Code, Message, Priority, Value
    from keepclear.core.refs import MessageRef

LANGUAGES: Final = ("en", "ru", "ar")
"""The languages of the catalogue."""
LANGUAGE_VARIABLE: Final = "KEEPCLEAR_LANGUAGE"
"""Names the language of sentences."""
_ISOLATES: Final = dict.fromkeys(map(ord, "\u2066\u2067\u2068\u2069"))
NOT_FOUND: Final = 404
"""The status by which a node says that it has no such thing."""
_CODE_CHARACTERS: Final = 40
_RIGHT_TO_LEFT: Final = ("R", "AL")


class Number(click.ParamType):  # type: ignore[type-arg]  # not generic at run time in older releases
    """The reference number of a message."""

    name = "NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> MessageRef:
        """Return the reference."""
        from keepclear.cli_fields import read_number
        from keepclear.core.errors import InvalidValueError

        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # a default that was converted
        try:
            return read_number(value)
        except InvalidValueError as error:
            self.fail(error.reason, param, ctx)


def language_option() -> Command:
    """Return the option that chooses the language of sentences."""
    return click.option(
        "--language",
        type=click.Choice(LANGUAGES),
        envvar=LANGUAGE_VARIABLE,
        default=LANGUAGES[0],
        help=f"The language of the sentences.  [default: {LANGUAGE_VARIABLE}, or en]",
    )


def drill_option(help_text: str) -> Command:
    """Return the option that names a drill."""
    return click.option("--drill", metavar="NAME", help=help_text)


def shown(text: str) -> str:
    """Return a sentence for a terminal: nothing steers it but what right-to-left text needs."""
    import unicodedata

    if not any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text):
        text = text.translate(_ISOLATES)
    return "".join(c if c.isprintable() or ord(c) in _ISOLATES else f"\\u{ord(c):04x}" for c in text)


def clock_text(at: datetime, now: datetime) -> str:
    """Write a time in UTC; with its day where that is not today."""
    at, now = at.astimezone(UTC).replace(microsecond=0), now.astimezone(UTC)
    return f"{at:%H:%M:%S}Z" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M:%S}Z"


def code_of(text: str) -> Code:
    """Return the code that was typed: in capitals or not, with strokes or lines.

    Raises:
        InvalidValueError: There is none, or people do not say it.
    """
    from keepclear.codec.json_errors import did_you_mean
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.messages import MESSAGES, Code, Speaker

    word = text.strip().lower().replace("-", "_").replace(" ", "_")
    known = [code.value for code in Code if MESSAGES[code].speaker is Speaker.OFFICER]
    if word not in known:
        near = did_you_mean(word, known) if len(word) <= _CODE_CHARACTERS else ""
        near = near if "did you mean" in near else ""
        reason = f"{text[:_CODE_CHARACTERS]!r} is no message of officers{near}; keepclear say --list has all"
        raise InvalidValueError("code", reason)
    return Code(word)


def message_of(
    code: Code,
    to: str,
    fields: Iterable[tuple[str, Value]] = (),
    *,
    now: datetime,
    about: MessageTold | None = None,
    is_correction: bool = False,
    priority: Priority | None = None,
    valid_s: float | None = None,
    drill: str | None = None,
) -> Message:
    """Make a message.

    Args:
        code: What it says.
        to: To whom.
        fields: What it says it of, in the order of the catalogue.
        now: What time it is.
        about: The message that it answers or corrects, whose drill it shares and which it is as urgent as.
        is_correction: Whether it corrects it, and does not answer it.
        priority: How urgent it is, if more than its code and what it answers.
        valid_s: How long it counts, seconds; None for what its code says.
        drill: The drill; None for that of the message that it answers.

    Raises:
        InvalidValueError: It can be none.
    """
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.intents import PartyId
    from keepclear.core.messages import MESSAGES, VALID_MAX_MS, Message, Priority
    from keepclear.core.times import floor_ms

    of = MESSAGES[code]
    urgency = [of.priority if priority is None else priority]  # one that is too low is refused below
    if about is not None:
        urgency.append(Priority(about.priority))
        if drill is None:
            drill = about.drill
    valid_ms = round((of.valid_s if valid_s is None else valid_s) * 1_000)
    if not 0 < valid_ms <= VALID_MAX_MS:
        raise InvalidValueError("valid_for", f"it must be over 0 and up to {VALID_MAX_MS // 86_400_000} days")
    ref = None if about is None else ref_of(about)
    return Message(
        code=code,
        to=PartyId(to),
        fields=tuple(fields),
        answers=None if is_correction else ref,
        corrects=ref if is_correction else None,
        priority=min(urgency, key=lambda each: each.rank),
        valid_until_ms=floor_ms(now.replace(microsecond=0)) + valid_ms,
        drill=drill,
    )


def message_at(client: HotlineClient, ref: MessageRef) -> MessageTold:
    """Return a message that a node has.

    Raises:
        InvalidValueError: It has none with this number.
    """
    from keepclear.adapters.http.client import NodeRefusedError
    from keepclear.core.errors import InvalidValueError

    try:
        return client.message(ref.party, ref.n)
    except NodeRefusedError as error:
        if error.status != NOT_FOUND:
            raise
        reason = "no message with this number has arrived; see keepclear messages"
        raise InvalidValueError(str(ref), reason) from None


def ref_of(told: MessageTold) -> MessageRef:
    """Return the reference number of a message that a node told of.

    Raises:
        InvalidValueError: It is none.
    """
    from keepclear.core.intents import PartyId
    from keepclear.core.refs import MessageRef

    return MessageRef(party=PartyId(told.ref.party), n=told.ref.n)


def say_text(text: str) -> None:
    """Tell a sentence on the standard error."""
    click.echo(shown(text), err=True)


def say_texts(texts: Mapping[str, str], *, first: str = LANGUAGES[0]) -> None:
    """Tell a sentence in every language, one of them first."""
    for language in sorted(texts, key=lambda each: each != first):
        click.echo(f"  {language}: {shown(texts[language])}", err=True)


def warning_lines(warnings: Iterable[Warned], language: str) -> list[str]:
    """Return what is odd about a message, in lines."""
    return [f"WARNING: {shown(each.texts[language])}" for each in warnings]


def say_warnings(warnings: Iterable[Warned], language: str) -> None:
    """Tell on the standard error what is odd about a message."""
    for line in warning_lines(warnings, language):
        click.echo(click.style(line, fg="red"), err=True, color=None if sys.stderr.isatty() else False)


def send(
    client: HotlineClient,
    officer: Officer,
    message: Message,
    *,
    language: str = LANGUAGES[0],
    is_sure: bool = True,
    asks_if_warned: bool = False,
) -> MessageRef:
    """Show what a message says and what speaks against it, sign it, and send it.

    Args:
        client: The node.
        officer: Who signs.
        message: What is said.
        language: The language that is shown first.
        is_sure: False to ask before it is signed.
        asks_if_warned: Whether it is asked only where something speaks against it.

    Returns:
        Its reference number.

    Raises:
        InvalidValueError: It cannot be signed, or nobody can be asked.
        NodeRefusedError: The node refuses it; nothing was signed then.
        Abort: Whoever was asked said no.
    """
    from keepclear.adapters import clock
    from keepclear.codec.catalogue.rendering import texts_of
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.intents import PartyId
    from keepclear.core.refs import MessageRef
    from keepclear.core.times import instant_of

    check_party(client, message.to)
    draft = client.draft_message(officer.person, message)
    say_texts(texts_of(message, None), first=language)
    until = clock_text(instant_of(message.valid_until_ms), clock.now())
    click.echo(f"  {message.priority.value}, counts until {until}", err=True)
    say_warnings(draft.warnings, language)
    if not is_sure and (draft.warnings or not asks_if_warned):
        if not is_terminal():
            raise InvalidValueError("yes", "nobody can be asked here; look at it, and say --yes")
        click.confirm(f"Sign this as {officer.person}, and send it to {message.to}?", abort=True, err=True)
    told = say_deed(client, officer, message)
    return MessageRef(party=PartyId(client.party), n=told.n)


def warn_of_drill(client: HotlineClient, name: str, party: str) -> None:
    """Warn of a drill that was not started with a party, or is over: what is said in it may be meant."""
    from keepclear.adapters.http.client import NodeRefusedError

    try:
        told = client.drill(name, party)
    except NodeRefusedError as error:
        if error.status != NOT_FOUND:
            raise
        told = None
    if told is None or told.started_by is None:
        start = f"keepclear drill start {name} {party}"
        say(shown(f"WARNING: no drill of this name was started with {party}: {start}"))
    elif {end.ref.party for end in told.endings} == set(told.between):
        say(shown(f"WARNING: the drill {name} with {party} is over: both sides ended it"))


def check_party(client: TalkClient, party: str) -> None:
    """Refuse a party to which nothing goes.

    Raises:
        InvalidValueError: It is one's own, or not paired.
    """
    from keepclear.core.errors import InvalidValueError

    others = [each.id for each in client.parties() if not each.is_own]
    if party not in others:
        reason = f"{party!r} is not paired with this node; that is {', '.join(others) or 'nobody yet'}"
        raise InvalidValueError("party", reason)
