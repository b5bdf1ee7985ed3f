"""Making a node, once: configuration, database, first token, keys, and the first entries of its log."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keepclear.adapters import clock
from keepclear.adapters.config import CONFIG_NAME
from keepclear.adapters.config_text import fresh_config
from keepclear.adapters.keys import KeyFolder
from keepclear.adapters.settings import FederationSettings, ServerSettings
from keepclear.adapters.store.access import TOKEN_DAYS, Access
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.adapters.token_file import TOKEN_FILE_NAME, write_token
from keepclear.codec.cards import PartyCard
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.main.keys import KEYS_NAME, Wanted, make_keys
from keepclear.node.access import Grant, Role
from keepclear.node.ports import Actor

DATABASE_NAME: Final = "keepclear.sqlite3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What `init` made.

    Attributes:
        config: The configuration.
        database: The database.
        token_file: The token of the first administrator.
        grant: What it grants.
        keys: The folder of the keys; None without keys.
        card: What others pair with; None without keys.
    """

    config: Path
    database: Path
    token_file: Path
    grant: Grant
    keys: Path | None
    card: PartyCard | None


def init(
    folder: Path, party: str, name: str, person: str, *, wanted: Wanted | None, listen: str | None = None
) -> Made:
    """Make what a node needs; all is made aside first, so that nothing half-made stays behind.

    Args:
        folder: Where; it is made if it is not there.
        party: The id of the party.
        name: How people call the party.
        person: Who the administrator is.
        wanted: What keys are made with; None for a node without keys, which stays alone.
        listen: Where the API and the console are; None for the usual.

    Returns:
        What was made.

    Raises:
        InvalidValueError: A file is there already, or a name or passphrase cannot be used.
        StoreError: The database cannot be made.
    """
    names = [CONFIG_NAME, DATABASE_NAME, TOKEN_FILE_NAME, *([] if wanted is None else [KEYS_NAME])]
    for each in names:
        if (folder / each).exists():
            raise InvalidValueError(str(folder / each), "it exists already; init never writes over anything")
    text = _config(party, name, wanted, listen)
    if wanted is not None:
        wanted.check(party)
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".keepclear-init-", dir=folder) as aside:
            (Path(aside) / CONFIG_NAME).write_text(text, encoding="utf-8")
            grant, card = _make(Path(aside), party, name, person, wanted)
            _move(Path(aside), folder, names)
    except OSError as error:
        raise InvalidValueError(str(folder), f"it cannot be written: {error.strerror or error}") from error
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # it stays where something is in it
                folder.rmdir()
    return Made(
        config=folder / CONFIG_NAME,
        database=folder / DATABASE_NAME,
        token_file=folder / TOKEN_FILE_NAME,
        grant=grant,
        keys=None if wanted is None else folder / KEYS_NAME,
        card=card,
    )


def _make(
    folder: Path, party: str, name: str, person: str, wanted: Wanted | None
) -> tuple[Grant, PartyCard | None]:
    database, card = folder / DATABASE_NAME, None
    store = SqliteStore(database, create=True)
    try:
        database.chmod(0o600)
        if wanted is not None:
            card = make_keys(KeyFolder(folder / KEYS_NAME), store, party, name, wanted, clock.now())
    finally:
        store.close()
    access = Access(database, clock.now)
    try:
        actor = Actor(party=PartyId(party), person=person)
        grant, secret = access.issue(actor, Role.ADMINISTRATOR, days=TOKEN_DAYS)
    finally:
        access.close()
    write_token(folder / TOKEN_FILE_NAME, secret)
    return grant, card


def _move(aside: Path, folder: Path, names: Sequence[str]) -> None:
    """Give what was made its place, all of it or nothing."""
    moved = []
    try:
        for each in names:
            if (folder / each).exists():
                raise FileExistsError(17, f"{each} was made meanwhile")
            (aside / each).rename(folder / each)
            moved.append(each)
    except OSError:
        for each in moved:
            (folder / each).rename(aside / each)
        raise


def _config(party: str, name: str, wanted: Wanted | None, listen: str | None) -> str:
    """Return the text of the configuration.

    Raises:
        InvalidValueError: The party or the name cannot be one, or an address is none.
    """
    values: dict[str, str] = {}
    if wanted is not None and wanted.address:
        FederationSettings(listen=wanted.address, address=wanted.address)
        values |= {"federation.listen": wanted.address, "federation.address": wanted.address}
    if listen is not None:
        ServerSettings(listen=listen)
        values["server.listen"] = listen
    return _with_values(fresh_config(party=party, name=name), values)


def _with_values(text: str, values: Mapping[str, str]) -> str:
    """Set keys of a fresh configuration, in which they stand as comments."""
    section, lines = "", []
    for line in text.splitlines():
        if found := re.fullmatch(r"\[(\w+)\]", line):
            section = found[1]
        name = line.removeprefix("#").partition(" = ")[0]
        value = values.get(f"{section}.{name}")
        lines.append(line if value is None else f'{name} = "{value}"')
    return "\n".join(lines) + "\n"
