"""Tokens and sessions, in the database of the node. Secrets are shown once and stored as hashes.

A secret has 256 bits of chance, so a plain hash is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import apsw

from keepclear.adapters.store.sqlite import connect, named_errors
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.intents import ID_CHARACTERS_MAX, PartyId
from keepclear.core.times import floor_ms, instant_of
from keepclear.node.access import Grant, Role
from keepclear.node.ports import Actor, Clock

TOKEN_PREFIX: Final = "kc_"
"""Tokens begin with this, so that a leaked one can be recognised."""
TOKEN_DAYS: Final = 90.0
"""So long a token is good for unless said otherwise."""
TOKEN_DAYS_MAX: Final = 366.0
"""No token is good for longer."""
SESSION_S: Final = 12 * 3_600.0
"""So long a browser stays signed in; no longer than its token is good for."""
TOKENS_MAX: Final = 1_000
"""So many tokens may be good at one time; more are refused until one is revoked or expires."""
SESSIONS_MAX: Final = 10_000
"""So many sessions may be good at one time; the one that ends first goes when there are more."""
SESSIONS_OF_TOKEN_MAX: Final = 20
"""So many browsers may be signed in by one token; the session that ends first goes when there are more."""

_SECRET_BYTES: Final = 32


class SignInError(KeepclearError):
    """A token or session is not known, has expired, or was revoked. Which of them is not told."""

    def __init__(self) -> None:
        super().__init__("the token is not valid (unknown, expired or revoked); ask an administrator for one")


class TokensFullError(KeepclearError):
    """So many tokens are good that no further one is issued."""


class UnknownTokenError(KeepclearError):
    """There is no token with this id."""

    def __init__(self, token_id: str) -> None:
        self.token_id = token_id
        super().__init__(f"there is no token {token_id!r}; list the tokens to see their ids")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """What is known of a token, without its secret.

    Attributes:
        grant: What it grants.
        created: When it was issued.
        revoked: When it was revoked; None when it was not.
    """

    grant: Grant
    created: datetime
    revoked: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser that is signed in.

    Attributes:
        grant: What it may do.
        csrf: What every change must carry besides the cookie.
    """

    grant: Grant
    csrf: str


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class Access:
    """Who may do what.

    Args:
        path: The database; it must have been made by `SqliteStore`.
        clock: What time it is.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        # Who reads never waits for who writes: that may have to wait for the desk, or another process.
        self._writer, self._reader = connect(path), connect(path)
        self._writing, self._reading = threading.Lock(), threading.Lock()

    def _run(self, sql: str, values: Sequence[apsw.SQLiteValue] = ()) -> list[tuple[apsw.SQLiteValue, ...]]:
        with self._writing, named_errors(self._path):
            return list(self._writer.execute(sql, tuple(values)))

    def _read(self, sql: str, values: Sequence[apsw.SQLiteValue] = ()) -> list[tuple[apsw.SQLiteValue, ...]]:
        with self._reading, named_errors(self._path):
            return list(self._reader.execute(sql, tuple(values)))

    def _now_ms(self) -> int:
        return floor_ms(self._clock())

    def issue(self, actor: Actor, role: Role, *, days: float = TOKEN_DAYS) -> tuple[Grant, str]:
        """Issue a token.

        Args:
            actor: The party and person that it is bound to.
            role: What that person may do.
            days: For how long it is good.

        Returns:
            What it grants, and its secret, which is not kept.

        Raises:
            InvalidValueError: The party or the person is empty or too long, or `days` out of range.
            TokensFullError: There are too many already.
        """
        for field, text in (("party", actor.party), ("person", actor.person)):
            if not (0 < len(text) <= ID_CHARACTERS_MAX and text.isprintable()):
                raise InvalidValueError(field, f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")
        if not 0.0 < days <= TOKEN_DAYS_MAX:
            raise InvalidValueError("days", f"{days:g} is not within 0..{TOKEN_DAYS_MAX:g} days")
        now_ms = self._now_ms()
        good = self._run(
            "select count(*) from token where expires_ms >= ? and revoked_ms is null", (now_ms,)
        )[0][0]
        if int(good or 0) >= TOKENS_MAX:
            raise TokensFullError(f"{TOKENS_MAX} tokens are good already; revoke one first")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        token_id = secrets.token_hex(6)
        expires_ms = now_ms + floor_ms(instant_of(0) + timedelta(days=days))
        self._run(
            "insert into token (id, hash, party, person, role, created_ms, expires_ms) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            (token_id, _hash(secret), actor.party, actor.person, role.value, now_ms, expires_ms),
        )
        grant = Grant(token_id=token_id, actor=actor, role=role, expires=instant_of(expires_ms))
        return grant, secret

    def tokens(self) -> list[TokenRow]:
        """Return all tokens, those that expired or were revoked too, the newest first."""
        rows = self._read(
            "select id, party, person, role, expires_ms, created_ms, revoked_ms from token "
            "order by created_ms desc, id"
        )
        return [
            TokenRow(
                grant=_grant(row),
                created=instant_of(_int(row[5])),
                revoked=None if row[6] is None else instant_of(_int(row[6])),
            )
            for row in rows
        ]

    def revoke(self, token_id: str) -> None:
        """Revoke a token and end its sessions at once; doing it again changes nothing.

        Raises:
            UnknownTokenError: There is no such token.
        """
        found = self._run(
            "update token set revoked_ms = coalesce(revoked_ms, ?) where id = ? returning id",
            (self._now_ms(), token_id),
        )
        if not found:
            raise UnknownTokenError(token_id)
        self._run("delete from session where token_id = ?", (token_id,))

    def grant_of(self, secret: str) -> Grant:
        """Return what a token grants.

        Raises:
            SignInError: It is not good.
        """
        rows = self._read(
            "select id, party, person, role, expires_ms from token "
            "where hash = ? and expires_ms >= ? and revoked_ms is null",
            (_hash(secret), self._now_ms()),
        )
        if not rows:
            raise SignInError
        return _grant(rows[0])

    def sign_in(self, grant: Grant) -> tuple[Session, str]:
        """Begin a session of a browser.

        Returns:
            The session, and the secret for its cookie.
        """
        now_ms = self._now_ms()
        secret, csrf = secrets.token_urlsafe(_SECRET_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
        expires_ms = min(now_ms + round(SESSION_S * 1000.0), floor_ms(grant.expires))
        self._run("delete from session where expires_ms < ?", (now_ms,))
        self._run(
            "delete from session where hash in (select hash from session order by expires_ms desc "
            "limit -1 offset ?)",
            (SESSIONS_MAX - 1,),
        )
        self._run(
            "delete from session where token_id = ? and hash not in (select hash from session "
            "where token_id = ? order by expires_ms desc limit ?)",
            (grant.token_id, grant.token_id, SESSIONS_OF_TOKEN_MAX - 1),
        )
        self._run(
            "insert into session values (?, ?, ?, ?)", (_hash(secret), grant.token_id, csrf, expires_ms)
        )
        return Session(grant=grant, csrf=csrf), secret

    def session_of(self, secret: str) -> Session:
        """Return the session of a cookie.

        Raises:
            SignInError: It has ended, or its token is not good any more.
        """
        now_ms = self._now_ms()
        rows = self._read(
            "select t.id, t.party, t.person, t.role, min(t.expires_ms, s.expires_ms), s.csrf "
            "from session s join token t on t.id = s.token_id "
            "where s.hash = ? and s.expires_ms >= ? and t.expires_ms >= ? and t.revoked_ms is null",
            (_hash(secret), now_ms, now_ms),
        )
        if not rows:
            raise SignInError
        return Session(grant=_grant(rows[0]), csrf=str(rows[0][5]))

    def sign_out(self, secret: str) -> None:
        """End a session."""
        self._run("delete from session where hash = ?", (_hash(secret),))

    def close(self) -> None:
        """Release the database."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()


def _int(value: apsw.SQLiteValue) -> int:
    assert isinstance(value, int)
    return value


def _grant(row: Sequence[apsw.SQLiteValue]) -> Grant:
    token_id, party, person, role, expires_ms = row[:5]
    return Grant(
        token_id=str(token_id),
        actor=Actor(party=PartyId(str(party)), person=str(person)),
        role=Role(role),
        expires=instant_of(_int(expires_ms)),
    )
