"""What commands share that sign: which officer, which key, which passphrase, and saying it to the node.

Keys are unlocked here, on the machine of the officer; a node gets what was signed and never a key. A
passphrase is in no argument, which other users of the machine see. Only click is imported at the start.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from keepclear.cli_io import Command, add_options

if TYPE_CHECKING:
    from keepclear.adapters.http.talking import Agreement, DeedTold, Negotiation, TalkClient
    from keepclear.adapters.keys import KeyFolder
    from keepclear.adapters.signing import SigningKey
    from keepclear.core import agreements as core
    from keepclear.core.deeds import Deed

PASSPHRASE_VARIABLE: Final = "KEEPCLEAR_PASSPHRASE"
"""Holds the passphrase of the root key, and of officers where none of their own is given."""
OFFICER_PASSPHRASE_VARIABLE: Final = "KEEPCLEAR_OFFICER_PASSPHRASE"
"""Holds the passphrase of an officer's key."""
OFFICER_VARIABLE: Final = "KEEPCLEAR_OFFICER"
"""Names the officer."""
OF_ROOT: Final = (PASSPHRASE_VARIABLE,)
OF_OFFICER: Final = (OFFICER_PASSPHRASE_VARIABLE, PASSPHRASE_VARIABLE)
_META: Final = "keepclear.officer."
_NONCE_BYTES: Final = 16


def json_option() -> Command:
    """Return the option that asks for JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


def passphrase_option(what: str) -> Command:
    """Return the option that names a file with a passphrase."""
    return click.option(
        "--passphrase-file",
        metavar="FILE",
        help=f"Read the passphrase of {what} from this file of yours.  [default: asked for]",
    )


def root_options() -> Command:
    """Return the options of a command that needs the root key."""
    return add_options(
        click.option("--root-key", metavar="FILE", help="The root key.  [default: keys/root.key]"),
        passphrase_option("the root key"),
    )


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    ctx.meta[f"{_META}{param.name}"] = value


def officer_options() -> Command:
    """Return the options of a command that an officer signs; `Officer.of` reads them."""
    return add_options(
        click.option(
            "--officer",
            metavar="NAME",
            expose_value=False,
            callback=_keep,
            help="Who signs.  [default: KEEPCLEAR_OFFICER, or the only key in keys/officers]",
        ),
        click.option(
            "--key",
            metavar="FILE",
            expose_value=False,
            callback=_keep,
            help="The officer's key, where it is kept elsewhere.",
        ),
        click.option(
            "--passphrase-file",
            metavar="FILE",
            expose_value=False,
            callback=_keep,
            help="Read the passphrase of the key from this file of yours.  [default: asked for]",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Officer:
    """Who signs, with the key unlocked.

    Attributes:
        person: The officer.
        key: The key.
    """

    person: str
    key: SigningKey = field(repr=False)

    @classmethod
    def of(cls, ctx: click.Context) -> Officer:
        """Find the key that the options name, and unlock it.

        Raises:
            InvalidValueError: There is none, it is not clear which, or it cannot be unlocked.
        """
        from keepclear.adapters.keys import load_locked_key

        file = _key_file(ctx.meta.get(f"{_META}officer"), ctx.meta.get(f"{_META}key"))
        named: str | None = ctx.meta.get(f"{_META}officer")
        given: str | None = ctx.meta.get(f"{_META}passphrase_file")
        passphrase = known_passphrase(f"the key {file}", given, OF_OFFICER)
        return cls(person=named or file.stem, key=load_locked_key(file, passphrase))


def key_folder(config: str | None = None) -> KeyFolder:
    """Return where the keys are: beside the configuration, or in the current folder.

    Args:
        config: The configuration that was named; None for the usual one.

    Raises:
        InvalidValueError: The configuration cannot be used.
    """
    from keepclear.adapters.config import find_config, load_settings
    from keepclear.adapters.keys import KeyFolder
    from keepclear.main.keys import KEYS_NAME

    if find_config(config, os.environ, Path()) is None:
        return KeyFolder(Path(KEYS_NAME))
    return KeyFolder(load_settings(config, environment=os.environ).node.keys)


def _key_file(named: str | None, file: str | None) -> Path:
    from keepclear.core.errors import InvalidValueError

    if file is not None:
        return Path(file)
    folder = key_folder()
    name = named or os.environ.get(OFFICER_VARIABLE)
    if name:
        return folder.officer(name)
    found = sorted((folder.path / "officers").glob("*.key"))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.stem for each in found)
        raise InvalidValueError("officer", f"there are several: {names}; name one with --officer")
    reason = f"there is no key in {folder.path / 'officers'}; name its file with --key"
    raise InvalidValueError("officer", reason)


def is_terminal() -> bool:
    """Tell whether somebody can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def known_passphrase(what: str, file: str | None, variables: tuple[str, ...]) -> str:
    """Return a passphrase from a file, a variable, or the terminal.

    Args:
        what: Whose, for the question.
        file: The file that was named; None for none.
        variables: The environment variables that may hold it, the first that is set counts.

    Raises:
        InvalidValueError: There is none, or the file cannot be used.
    """
    return _given(what, file, variables) or click.prompt(
        f"Passphrase of {what}", hide_input=True, err=True, type=str
    )


def new_passphrase(what: str, file: str | None, variables: tuple[str, ...]) -> str:
    """Return a passphrase to lock a new key with; on a terminal it is asked for twice.

    Raises:
        InvalidValueError: There is none, it is too short or too long, or the file cannot be used.
    """
    from keepclear.adapters.keys import check_passphrase

    passphrase = _given(what, file, variables) or click.prompt(
        f"New passphrase of {what}", hide_input=True, confirmation_prompt="Once more", err=True, type=str
    )
    check_passphrase(passphrase)
    return str(passphrase)


def _given(what: str, file: str | None, variables: tuple[str, ...]) -> str | None:
    """Return a passphrase that was given; None where it can be asked for.

    Raises:
        InvalidValueError: The file cannot be used, or there is no terminal to ask on.
    """
    from keepclear.core.errors import InvalidValueError
    from keepclear.main.keys import read_passphrase

    if file is not None:
        return read_passphrase(Path(file))
    for variable in variables:
        if os.environ.get(variable):
            return os.environ[variable]
    if not is_terminal():
        ways = f"name a file with --passphrase-file, or set {variables[0]}"
        raise InvalidValueError("passphrase", f"that of {what} is needed; {ways}")
    return None


def say_deed(client: TalkClient, officer: Officer, deed: Deed) -> DeedTold:
    """Sign what an officer says, and say it to the node.

    Raises:
        InvalidValueError: It cannot be signed.
        NodeRefusedError: The node refuses it.
    """
    import secrets

    from keepclear.adapters import clock
    from keepclear.adapters.notary import sign_deed
    from keepclear.core.intents import PartyId
    from keepclear.core.times import floor_ms

    jws = sign_deed(
        deed,
        officer.key,
        party=PartyId(client.party),
        person=officer.person,
        at_ms=floor_ms(clock.now()),
        nonce=secrets.token_urlsafe(_NONCE_BYTES),
    )
    return client.say_deed(jws)


def agreement_of(told: Agreement) -> core.Agreement:
    """Return an agreement that a node told.

    Raises:
        InvalidValueError: It is none, or of a newer form.
    """
    import msgspec

    from keepclear.codec.agreements import decode

    return decode(msgspec.json.encode(told.text))


def conflict_text(negotiation: Negotiation) -> str:
    """Name the two items of a conflict."""
    return " and ".join(f"{ref.party}:{ref.id}" for ref in negotiation.conflict)


def changes_text(negotiation: Negotiation) -> str:
    """Tell what a proposal makes of items: when they would be, and how high."""
    from keepclear.codec.told import item_of
    from keepclear.codec.words import band_text, span_text
    from keepclear.core.errors import InvalidValueError

    told = []
    for change in negotiation.changes:
        name = f"{change.item.party}:{change.item.id}"
        try:
            volumes = item_of(change.becomes).volumes
        except InvalidValueError:
            told.append(f"{name}: this version of keepclear cannot tell")
            continue
        start = min(v.time.start for v in volumes).replace(microsecond=0)
        end = max(v.time.end for v in volumes).replace(microsecond=0)
        bands = list(dict.fromkeys(band_text(v.volume.altitude) for v in volumes))
        more = "" if len(bands) == 1 else f" and {len(bands) - 1} more"
        told.append(f"{name}: {span_text(start, end)}, {bands[0]}{more}")
    return "\n".join(told)
