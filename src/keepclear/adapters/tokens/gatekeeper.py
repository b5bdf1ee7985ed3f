"""Who is let in: a token is checked against the issuers that are trusted, each for its own subjects.

A token names its issuer. Entries with that name, and no others, say which keys count and for whom; only a
name that no entry has falls to the keys that are trusted whatever the name. Scopes are not judged here.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from keepclear.adapters.tokens.bearer import Bearer, TokenError
from keepclear.adapters.tokens.jwt import CLAIM_CHARACTERS_MAX, Claims, Jwt, bearer_token, take_apart
from keepclear.adapters.tokens.key_sources import KeySource
from keepclear.adapters.tokens.public_keys import PublicKey
from keepclear.adapters.tokens.replay import ReplayGuard
from keepclear.codec.properties import shown
from keepclear.core.errors import InvalidValueError

ISSUERS_MAX: Final = 100
"""So many entries of issuers there may be."""
AUDIENCES_MAX: Final = 100
"""So many names of our own tokens may be for."""
SUBJECTS_MAX: Final = 1_000
"""So many subjects one issuer may be bound to."""
TOKENS_KEPT_MAX: Final = 10_000
"""So many verified tokens are remembered; the one used longest ago is forgotten first."""
KEYS_TRIED_MAX: Final = 64
"""With more keys that a token may be signed with, it must name its key."""
ANY: Final = "*"
"""At the end of a subject: whatever follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who may issue tokens, with which keys, and for whom.

    Attributes:
        name: The claim `iss`; None for every name that no other entry has.
        subjects: The subjects that it may speak for: names, or their beginnings with `*`; none for any.
        keys: Where its keys come from.

    Raises:
        InvalidValueError: The name or a subject is no such thing.
    """

    name: str | None
    keys: KeySource
    subjects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.name is not None:
            _check_name("name", self.name)
        if len(self.subjects) > SUBJECTS_MAX:
            raise InvalidValueError("subjects", f"there are over {SUBJECTS_MAX:,}")
        for index, subject in enumerate(self.subjects):
            _check_name(f"subjects[{index}]", subject)
            if ANY in subject[:-1]:
                reason = f"{ANY} may stand at the end only, such as north-{ANY}"
                raise InvalidValueError(f"subjects[{index}]", reason)

    def speaks_for(self, subject: str) -> bool:
        """Tell whether it may issue tokens for a subject."""
        return not self.subjects or any(
            subject.startswith(each[:-1]) if each.endswith(ANY) else subject == each for each in self.subjects
        )


class _Kept(NamedTuple):
    """A token that was verified."""

    claims: Claims
    keys: KeySource
    thumbprint: str


class Gatekeeper:
    """Checks tokens. It may be asked by several threads.

    It must be started: keys that nobody keeps fresh are not good for long.

    Args:
        issuers: Whose tokens are taken.
        audiences: What a token may name as whom it is for, exactly: the host names that we are called by.
        clock: The wall clock.
        replay_guard: Whether a token is taken once only; it must have an id then (`jti`).

    Raises:
        InvalidValueError: There is no issuer or no audience, or too many.
    """

    def __init__(
        self,
        issuers: Sequence[Issuer],
        audiences: Sequence[str],
        clock: Callable[[], datetime],
        *,
        replay_guard: bool = False,
    ) -> None:
        if not 0 < len(issuers) <= ISSUERS_MAX:
            raise InvalidValueError("issuers", f"there must be 1 to {ISSUERS_MAX}; name the keys of one")
        if not 0 < len(audiences) <= AUDIENCES_MAX or not all(audiences):
            reason = f"there must be 1 to {AUDIENCES_MAX}: the host names that this service is called by"
            raise InvalidValueError("audiences", reason)
        self._issuers = tuple(issuers)
        self._names = frozenset(issuer.name for issuer in issuers if issuer.name is not None)
        self._audiences = frozenset(audiences)
        self._clock = clock
        self._guard = ReplayGuard() if replay_guard else None
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to keep the keys fresh."""
        for issuer in self._issuers:
            issuer.keys.start()

    def close(self) -> None:
        """Stop."""
        for issuer in self._issuers:
            issuer.keys.close()

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with the keys now, each as a sentence."""
        sources = dict.fromkeys(issuer.keys for issuer in self._issuers)
        return tuple(fault for source in sources if (fault := source.fault) is not None)

    def admit(self, authorization: str | None) -> Bearer:
        """Tell who sends a request.

        Args:
            authorization: The header Authorization; None where there is none.

        Returns:
            The bearer. Whether its scopes are enough is not looked at.

        Raises:
            TokenError: There is no token, or it is not taken.
        """
        token = bearer_token(authorization)
        now_s = self._clock().timestamp()
        if self._guard is not None:
            claims = self._verified(token, now_s).claims
            self._guard.use(claims, now_s)
            return claims.bearer
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            kept = self._kept.get(digest)
            if kept is not None:
                self._kept.move_to_end(digest)
        # The key may have been taken back since.
        if kept is None or (ring := kept.keys.ring) is None or kept.thumbprint not in ring.thumbprints:
            kept = self._verified(token, now_s)
            with self._lock:
                self._kept[digest] = kept
                if len(self._kept) > TOKENS_KEPT_MAX:
                    self._kept.popitem(last=False)
        else:
            kept.claims.times.check(now_s)
        return kept.claims.bearer

    def _verified(self, token: str, now_s: float) -> _Kept:
        """Verify a token.

        Raises:
            TokenError: It is not taken.
        """
        jwt = take_apart(token)
        claims: Claims | None = None
        for issuer, key in self._meant(jwt):
            if not jwt.is_signed_by(key):
                continue
            if claims is None:
                claims = jwt.claims()
                claims.times.check(now_s)
                self._check_audience(claims)
            if issuer.speaks_for(claims.bearer.subject):
                return _Kept(claims, issuer.keys, key.thumbprint)
        if claims is None:
            raise TokenError("the token's signature is not good by any key of its issuer")
        subject = shown(claims.bearer.subject)
        raise TokenError(f"issuer {shown(jwt.issuer)} may not speak for the subject {subject}")

    def _meant(self, jwt: Jwt) -> list[tuple[Issuer, PublicKey]]:
        """Return the keys that a token may be signed with.

        Raises:
            TokenError: There are none, or too many.
        """
        name = jwt.issuer if jwt.issuer in self._names else None
        issuers = [issuer for issuer in self._issuers if issuer.name == name]
        if not issuers:
            raise TokenError(f"issuer {shown(jwt.issuer)} is not known here")
        rings = [(issuer, issuer.keys.ring) for issuer in issuers]
        found = [
            (issuer, key)
            for issuer, ring in rings
            if ring is not None
            for key in ring.meant(jwt.kid, jwt.algorithm)
        ]
        if len(found) > KEYS_TRIED_MAX:
            raise TokenError(f"over {KEYS_TRIED_MAX} keys may be meant; the token must name its key (kid)")
        if not found:
            for issuer in issuers:
                issuer.keys.want()
            if any(ring is None for _, ring in rings):
                raise TokenError(
                    f"the keys of issuer {shown(jwt.issuer)} could not be fetched; try again later"
                )
            named = "" if jwt.kid is None else f" named {shown(jwt.kid)}"
            raise TokenError(
                f"issuer {shown(jwt.issuer)} has no {jwt.algorithm.value} key{named} that is known here; its"
                " keys are being fetched anew, so try again in a few seconds"
            )
        return found

    def _check_audience(self, claims: Claims) -> None:
        if self._audiences.isdisjoint(claims.audiences):
            named = ", ".join(shown(audience) for audience in claims.audiences[:3]) or "nobody"
            ours = ", ".join(sorted(self._audiences)[:3])
            raise TokenError(f"the token is for {named} (aud), not for this service; get one for {ours}")


def _check_name(field: str, name: str) -> None:
    if not 0 < len(name) <= CLAIM_CHARACTERS_MAX or not name.isprintable() or name != name.strip():
        reason = f"it must be 1 to {CLAIM_CHARACTERS_MAX} printable characters without white space round them"
        raise InvalidValueError(field, reason)
