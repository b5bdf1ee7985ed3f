"""A signed JWT in its compact form, taken apart strictly and verified by joserfc.

Nothing in a token chooses how it is checked: headers that bring a key or say where one is (`jwk`, `jku`,
`x5c`, `x5u`) are not followed, `crit` is refused, and the algorithm must be that of the key. A name that
stands twice is refused, as readers differ in which one counts.

Source:
    RFC 7515, section 4; RFC 7519, sections 4 and 7.2; RFC 8725, sections 3.1, 3.2 and 3.10.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jws import CompactSignature, JWSRegistry
from joserfc.util import urlsafe_b64decode

from keepclear.adapters.tokens.bearer import Bearer, TokenError
from keepclear.adapters.tokens.public_keys import KID_CHARACTERS_MAX, Algorithm, PublicKey
from keepclear.codec.properties import shown

TOKEN_CHARACTERS_MAX: Final = 8_192
"""The longest token, in characters."""
CLAIM_CHARACTERS_MAX: Final = 256
"""The longest subject, issuer or id of a token."""
TOKEN_LIFETIME_S_MAX: Final = 3_600
"""No token may be good for longer from now on, seconds (ASTM F3548-21 asks for an hour at most)."""
CLOCK_LEEWAY_S: Final = 30
"""So much the clock of an issuer may be ahead of ours. A token that has ended has ended: that gets none."""

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_INSTANT_MAX_S: Final = 2**53  # whole numbers up to here are exact as floats
_ALGORITHMS: Final = tuple(algorithm.value for algorithm in Algorithm)
_NOT_TAKEN: Final = "tokens are taken with RS256, ES256 or EdDSA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When a token is good, in seconds since 1970.

    Attributes:
        expires_s: From then on it is not (`exp`).
        not_before_s: From then on it is (`nbf`); None where it does not say.
        issued_s: When it was issued (`iat`); None where it does not say.
    """

    expires_s: float
    not_before_s: float | None
    issued_s: float | None

    def check(self, now_s: float) -> None:
        """Refuse a token that is not good now.

        Raises:
            TokenError: It has expired, is not yet good, or is good for too long.
        """
        if now_s >= self.expires_s:
            raise TokenError(f"the token expired {now_s - self.expires_s:,.0f} s ago (exp); get a new one")
        if self.expires_s > now_s + TOKEN_LIFETIME_S_MAX + CLOCK_LEEWAY_S:
            raise TokenError(f"the token is good for over {TOKEN_LIFETIME_S_MAX:,} s from now (exp)")
        for name, from_s in (("nbf", self.not_before_s), ("iat", self.issued_s)):
            if from_s is not None and from_s > now_s + CLOCK_LEEWAY_S:
                raise TokenError(f"the token is not yet good ({name} lies ahead); do the clocks agree?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says. It is believed only if its signature is good.

    Attributes:
        bearer: Whose it is.
        audiences: Whom it is for (`aud`).
        times: When it is good.
        token_id: Its own id (`jti`); None where it has none.
    """

    bearer: Bearer
    audiences: tuple[str, ...]
    times: Times
    token_id: str | None


class OurAlgorithms(JWSRegistry):
    """Our algorithms only; `EdDSA` without a warning that it is to be called `Ed25519` (RFC 9864)."""

    max_header_length = TOKEN_CHARACTERS_MAX
    max_payload_length = TOKEN_CHARACTERS_MAX
    max_signature_length = TOKEN_CHARACTERS_MAX

    def get_alg(self, name: str) -> JWSAlgModel:
        """Return how to sign and verify by a name, which must be one of `Algorithm`."""
        return self.algorithms[Algorithm(name).value]


_REGISTRY: Final = OurAlgorithms(strict_check_header=False)


class Jwt:
    """A token that was taken apart; nothing in it is verified yet.

    Attributes:
        algorithm: What it says it is signed with.
        kid: The key that it names; None for none.
        issuer: Who it says has issued it.
    """

    def __init__(self, signed: CompactSignature, algorithm: Algorithm, fields: Mapping[str, Any]) -> None:
        self._signed = signed
        self._fields = fields
        self.algorithm = algorithm
        self.kid: str | None = signed.protected.get("kid")
        self.issuer = _text(fields, "iss")

    def is_signed_by(self, key: PublicKey) -> bool:
        """Tell whether its signature is good by a key."""
        if key.algorithm is not self.algorithm:
            return False
        try:
            return jws.validate_compact(self._signed, key.key, registry=_REGISTRY)
        except (JoseError, ValueError):
            return False

    def claims(self) -> Claims:
        """Return what it says.

        Raises:
            TokenError: A claim is missing, or is none.
        """
        fields = self._fields
        times = Times(
            expires_s=_instant(fields, "exp"),
            not_before_s=_instant(fields, "nbf") if "nbf" in fields else None,
            issued_s=_instant(fields, "iat") if "iat" in fields else None,
        )
        bearer = Bearer(
            subject=_text(fields, "sub"),
            issuer=self.issuer,
            scopes=_scopes(fields),
            expires_s=int(times.expires_s),
        )
        token_id = _text(fields, "jti") if "jti" in fields else None
        return Claims(bearer=bearer, audiences=_audiences(fields), times=times, token_id=token_id)


def bearer_token(authorization: str | None) -> str:
    """Return the token in the header Authorization.

    Raises:
        TokenError: There is none, or something that is none.
    """
    if not authorization:
        raise TokenError("there is no token; send the header Authorization: Bearer with one")
    scheme, _, rest = authorization.partition(" ")
    token = rest.strip(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenError("the header Authorization holds no token; it must be Bearer and a token")
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise TokenError(f"the token is over the limit of {TOKEN_CHARACTERS_MAX:,} characters")
    return token


def take_apart(token: str) -> Jwt:
    """Take a token apart.

    Raises:
        TokenError: It is no signed JWT with an algorithm of ours.
    """
    if not _COMPACT.fullmatch(token):
        raise TokenError("the token is no signed JWT: three parts of base64url with full stops between them")
    header = _object(token[: token.index(".")].encode("ascii"), "header")
    algorithm, kid = header.get("alg"), header.get("kid")
    if "crit" in header or "b64" in header:
        raise TokenError("the token's header asks for extensions (crit, b64), of which none is taken")
    if algorithm not in _ALGORITHMS:
        raise TokenError(f"the token's alg is {shown(algorithm)}; {_NOT_TAKEN}")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= KID_CHARACTERS_MAX):
        raise TokenError(f"the token's kid is not 1 to {KID_CHARACTERS_MAX} characters")
    try:
        signed = jws.extract_compact(token.encode("ascii"), registry=_REGISTRY)
    except (JoseError, ValueError) as error:
        raise TokenError(f"the token is no signed JWT ({type(error).__name__})") from error
    return Jwt(signed, Algorithm(algorithm), _parsed(signed.payload or b"", "claims"))


# -- JSON ---------------------------------------------------------------------------------------------


def _object(part: bytes, what: str) -> dict[str, Any]:
    try:
        data = urlsafe_b64decode(part)
    except ValueError as error:
        raise TokenError(f"the token's {what} is no base64url") from error
    return _parsed(data, what)


def _parsed(data: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise TokenError(f"the token's {what} is no JSON, or nests too deeply") from error
    if not isinstance(found, dict):
        raise TokenError(f"the token's {what} is no JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise TokenError("a name stands twice in the token; readers differ in which one counts")
    return result


def _refused(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity: no JSON


# -- claims -------------------------------------------------------------------------------------------


def _text(fields: Mapping[str, Any], name: str) -> str:
    text = fields.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= CLAIM_CHARACTERS_MAX:
        raise TokenError(
            f"the token's {name} is missing, or not text of 1 to {CLAIM_CHARACTERS_MAX} characters"
        )
    if not text.isprintable() or text != text.strip():
        raise TokenError(f"the token's {name} is not printable, or has white space round it")
    return text


def _instant(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenError(f"the token's {name} is missing, or no number of seconds since 1970")
    if not abs(value) <= _INSTANT_MAX_S:  # also catches what is infinite
        raise TokenError(f"the token's {name} is out of range")
    return value


def _audiences(fields: Mapping[str, Any]) -> tuple[str, ...]:
    value = fields.get("aud")
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise TokenError("the token's aud is missing, or neither text nor a list of texts")
    return tuple(listed)


def _scopes(fields: Mapping[str, Any]) -> frozenset[str]:
    value = fields.get("scope", "")
    if not isinstance(value, str) or not value.isprintable():
        raise TokenError("the token's scope is no text; it must be printable scopes with spaces between them")
    return frozenset(scope for scope in value.split(" ") if scope)
