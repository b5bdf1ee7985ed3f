"""Who is let in by a token, and that nothing but a good token is."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.adapters.tokens import gatekeeper, replay
from keepclear.adapters.tokens.bearer import Bearer, TokenError
from keepclear.adapters.tokens.gatekeeper import Gatekeeper, Issuer
from keepclear.adapters.tokens.jwt import CLOCK_LEEWAY_S, TOKEN_CHARACTERS_MAX, TOKEN_LIFETIME_S_MAX
from keepclear.adapters.tokens.public_keys import Algorithm
from keepclear.core.errors import InvalidValueError
from keepclear.testing.clock import ManualClock
from tests.adapters.tokens.issuing import (
    AUDIENCE,
    AUTH,
    NOW_S,
    START,
    Shelf,
    b64,
    bearer,
    claims_of,
    jwks,
    keeper,
    minter,
    raw,
    source_of,
)


def refused(gate: Gatekeeper, authorization: str | None) -> str:
    with pytest.raises(TokenError) as caught:
        gate.admit(authorization)
    return caught.value.reason


# -- good tokens --------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_good_token_tells_who_bears_it(algorithm: Algorithm) -> None:
    signer = minter(algorithm)
    gate = keeper(Issuer(name=None, keys=source_of(signer.public_pem())))
    expected = Bearer(
        subject="uss1",
        issuer=AUTH,
        scopes=frozenset({"utm.strategic_coordination", "utm.constraint_processing"}),
        expires_s=NOW_S + 3_600,
    )
    authorization = bearer(by=signer, scope="utm.strategic_coordination  utm.constraint_processing")
    for _ in range(2):
        assert gate.admit(authorization) == expected


def test_the_scheme_may_be_written_in_any_case_and_with_more_spaces() -> None:
    token = bearer().removeprefix("Bearer ")
    assert keeper().admit(f"bEARER   {token} ").subject == "uss1"


@pytest.mark.parametrize("audience", [AUDIENCE, ["elsewhere", AUDIENCE]])
def test_an_audience_may_be_text_or_a_list(audience: Any) -> None:
    assert keeper(audiences=["other", AUDIENCE]).admit(bearer(aud=audience)).subject == "uss1"


def test_a_token_without_scopes_is_let_in_with_none() -> None:
    assert keeper().admit(bearer(scope=None)).scopes == frozenset()


def test_headers_that_bring_a_key_or_lead_to_one_are_not_followed() -> None:
    other = minter(Algorithm.ES256, 1)
    enticing = {
        "alg": "ES256",
        "jwk": other.public_jwk(),
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/pem",
        "x5c": ["AAAA"],
        "typ": "at+jwt",
        "new": 1,
    }
    assert keeper().admit(raw(enticing, claims_of())).subject == "uss1"
    assert "signature" in refused(keeper(), raw(enticing, claims_of(), by=other))


# -- what is no token ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authorization", "told"),
    [
        (None, "there is no token"),
        ("", "there is no token"),
        ("Bearer", "holds no token"),
        ("Bearer  ", "holds no token"),
        ("Basic dTpw", "holds no token"),
        ("Bearer abc", "no signed JWT"),
        ("Bearer a.b", "no signed JWT"),
        ("Bearer a.b.c.d", "no signed JWT"),
        ("Bearer ..", "no signed JWT"),
        ("Bearer a b.c.d", "no signed JWT"),
        ("Bearer \u00e4.\u00e4.\ud800", "no signed JWT"),
        ("Bearer a.a.a", "header is no base64url"),
        (f"Bearer {'a' * (TOKEN_CHARACTERS_MAX + 1)}", "over the limit"),
    ],
)
def test_what_is_no_token_is_refused_with_the_reason(authorization: str | None, told: str) -> None:
    assert told in refused(keeper(), authorization)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({"alg": "none"}, "alg is 'none'"),
        ({"alg": "None"}, "alg is 'None'"),
        ({"alg": "HS256"}, "alg is 'HS256'"),
        ({"alg": "ES384"}, "alg is 'ES384'"),
        ({"alg": "PS256"}, "alg is 'PS256'"),
        ({"alg": "ES256K"}, "alg is 'ES256K'"),
        ({"alg": ["ES256"]}, "alg is an array"),
        ({"alg": None}, "alg is None"),
        ({}, "alg is None"),
        ({"alg": "ES256", "crit": ["exp"], "exp": 1}, "crit"),
        ({"alg": "ES256", "crit": []}, "crit"),
        ({"alg": "ES256", "crit": ["b64"], "b64": False}, "crit"),
        ({"alg": "ES256", "b64": True}, "b64"),
        ({"alg": "ES256", "kid": 7}, "kid"),
        ({"alg": "ES256", "kid": ""}, "kid"),
        ({"alg": "ES256", "kid": "k" * 257}, "kid"),
        ({"alg": "ES256", "typ": 7}, "signature"),
        (b'{"alg":"none","alg":"ES256"}', "stands twice"),
        (b'["ES256"]', "no JSON object"),
        (b'{"alg":"ES256"', "no JSON"),
        (b'{"alg":"ES256","x":NaN}', "no JSON"),
        (b'{"alg":"ES256","x":' + b"[" * 2_500 + b"]" * 2_500 + b"}", "nests too deeply"),
        (b"\xff\xfe{}", "no JSON"),
    ],
)
def test_a_header_that_asks_for_something_else_is_refused(header: Any, told: str) -> None:
    assert told in refused(keeper(), raw(header, claims_of()))


def test_a_public_key_is_no_shared_secret() -> None:
    signer = minter(Algorithm.RS256)
    gate = keeper(Issuer(name=None, keys=source_of(signer.public_pem())))
    for secret in (signer.public_pem(), signer.public_pem().strip(), jwks(signer)):
        signed = b64(b'{"alg":"HS256"}') + b"." + b64(json.dumps(claims_of()).encode())
        code = b64(hmac.digest(secret, signed, hashlib.sha256))
        assert "alg is 'HS256'" in refused(gate, f"Bearer {(signed + b'.' + code).decode()}")


@pytest.mark.parametrize("other", [Algorithm.RS256, Algorithm.EDDSA])
def test_a_key_of_one_algorithm_is_not_used_for_another(other: Algorithm) -> None:
    token = raw({"alg": other.value}, claims_of(), by=minter(other))
    assert "has no" in refused(keeper(), token)


def test_a_signature_by_another_key_is_refused() -> None:
    assert "signature" in refused(keeper(), bearer(by=minter(Algorithm.ES256, 1)))


@pytest.mark.parametrize("signature", [b"\0" * 64, b"\xff" * 64, b"\0" * 63, b"x", b"\0" * 600])
@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_signature_of_nothing_is_refused(algorithm: Algorithm, signature: bytes) -> None:
    signer = minter(algorithm)
    gate = keeper(Issuer(name=None, keys=source_of(signer.public_pem())))
    head = bearer(by=signer).rpartition(".")[0]
    assert "signature" in refused(gate, f"{head}.{b64(signature).decode()}")


# -- claims -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"exp": None}, "exp is missing"),
        ({"exp": True}, "exp is missing, or no number"),
        ({"exp": str(NOW_S)}, "exp is missing, or no number"),
        ({"exp": 10**400}, "exp is out of range"),
        ({"exp": -(10**400)}, "exp is out of range"),
        ({"exp": 0}, "expired"),
        ({"exp": NOW_S}, "expired 0 s ago"),
        ({"exp": NOW_S + TOKEN_LIFETIME_S_MAX + CLOCK_LEEWAY_S + 1}, "good for over 3,600 s"),
        ({"nbf": NOW_S + CLOCK_LEEWAY_S + 1}, "not yet good (nbf"),
        ({"iat": NOW_S + CLOCK_LEEWAY_S + 1}, "not yet good (iat"),
        ({"nbf": "now"}, "nbf"),
        ({"iat": []}, "iat"),
        ({"aud": None}, "aud is missing"),
        ({"aud": ""}, "is for '' (aud)"),
        ({"aud": []}, "is for nobody"),
        ({"aud": ["a", 1]}, "aud is missing, or neither"),
        ({"aud": {"x": AUDIENCE}}, "aud is missing, or neither"),
        ({"aud": "DSS.example"}, "is for 'DSS.example'"),
        ({"aud": "dss.example:443"}, "not for this service"),
        ({"aud": f"{AUDIENCE}."}, "not for this service"),
        ({"sub": None}, "sub is missing"),
        ({"sub": ""}, "sub is missing"),
        ({"sub": ["uss1"]}, "sub is missing, or not text"),
        ({"sub": "u" * 257}, "sub is missing, or not text of 1 to 256"),
        ({"sub": " uss1"}, "white space"),
        ({"sub": "uss1\n"}, "not printable"),
        ({"sub": "uss\u202e1"}, "not printable"),
        ({"sub": "\ud800"}, "not printable"),
        ({"iss": None}, "iss is missing"),
        ({"iss": ""}, "iss is missing"),
        ({"scope": ["a"]}, "scope is no text"),
        ({"scope": "\ud800"}, "scope is no text"),
        ({"jti": 7}, "jti"),
    ],
)
def test_a_claim_that_does_not_hold_is_refused_with_the_reason(changed: dict[str, Any], told: str) -> None:
    payload = {name: value for name, value in (claims_of() | changed).items() if value is not None}
    assert told in refused(keeper(), raw({"alg": "ES256"}, payload))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'"x"',
        b'{"exp":1e999}',
        b'{"exp":NaN}',
        b'{"x":' + b"9" * 5_000 + b"}",
        b"[" * 4_000,
        json.dumps(claims_of()).encode()[:-1] + b',"sub":"uss2"}',
        json.dumps(claims_of()).encode()[:-1] + b',"more":{"a":1,"a":2}}',
        b"\xef\xbb\xbf" + json.dumps(claims_of()).encode(),
    ],
)
def test_a_payload_that_readers_may_read_differently_is_refused(payload: bytes) -> None:
    refused(keeper(), raw({"alg": "ES256"}, payload))


def test_a_token_is_good_from_its_leeway_on_until_its_very_end() -> None:
    clock = ManualClock(START)
    gate = keeper(clock=clock)
    ahead = bearer(nbf=NOW_S + CLOCK_LEEWAY_S, iat=NOW_S + CLOCK_LEEWAY_S, exp=NOW_S + 60.5)
    assert gate.admit(ahead).expires_s == NOW_S + 60
    clock.advance(60.4)
    assert gate.admit(ahead).subject == "uss1"
    clock.advance(0.1)
    assert "expired" in refused(gate, ahead)


def test_a_remembered_token_is_not_good_once_the_clock_has_stepped_back_far() -> None:
    clock = ManualClock(START)
    gate = keeper(clock=clock)
    gate.admit(bearer())
    clock.advance(-CLOCK_LEEWAY_S - 1)
    assert "good for over" in refused(gate, bearer())


# -- issuers ------------------------------------------------------------------------------------------


def test_an_issuer_speaks_for_its_own_subjects_only() -> None:
    north, south = minter(Algorithm.ES256, 1), minter(Algorithm.ES256, 2)
    gate = keeper(
        Issuer(name="north", keys=source_of(north.public_pem()), subjects=("uss1", "north-*")),
        Issuer(name="south", keys=source_of(south.public_pem()), subjects=("uss2",)),
    )
    assert gate.admit(bearer(by=north, iss="north", sub="uss1")).subject == "uss1"
    assert gate.admit(bearer(by=north, iss="north", sub="north-7")).subject == "north-7"
    assert "may not speak for" in refused(gate, bearer(by=north, iss="north", sub="uss2"))
    assert "may not speak for" in refused(gate, bearer(by=north, iss="north", sub="uss11"))
    assert "signature" in refused(gate, bearer(by=north, iss="south", sub="uss2"))
    assert "'west' is not known" in refused(gate, bearer(by=north, iss="west", sub="uss1"))


def test_keys_for_any_issuer_do_not_count_for_one_that_has_an_entry() -> None:
    named, anybody = minter(Algorithm.ES256, 1), minter(Algorithm.ES256, 2)
    gate = keeper(
        Issuer(name=AUTH, keys=source_of(named.public_pem())),
        Issuer(name=None, keys=source_of(anybody.public_pem())),
    )
    assert gate.admit(bearer(by=named)).issuer == AUTH
    assert gate.admit(bearer(by=anybody, iss="other")).issuer == "other"
    assert "signature" in refused(gate, bearer(by=anybody))
    assert "signature" in refused(gate, bearer(by=named, iss="other"))


def test_one_issuer_may_have_two_entries_with_subjects_and_keys_of_their_own() -> None:
    old, new = minter(Algorithm.ES256, 1), minter(Algorithm.ES256, 2)
    gate = keeper(
        Issuer(name=AUTH, keys=source_of(old.public_pem()), subjects=("uss1",)),
        Issuer(name=AUTH, keys=source_of(old.public_pem() + new.public_pem()), subjects=("uss2",)),
    )
    assert gate.admit(bearer(by=old, sub="uss2")).subject == "uss2"
    assert "may not speak" in refused(gate, bearer(by=new, sub="uss1"))


@pytest.mark.parametrize(
    ("name", "subjects"),
    [("", ()), (" x", ()), ("x", ("",)), ("x", ("a*b",)), ("x", ("**",)), ("x", ("a ",))],
)
def test_an_issuer_that_cannot_be_meant_is_refused(name: str, subjects: tuple[str, ...]) -> None:
    with pytest.raises(InvalidValueError):
        Issuer(name=name, keys=source_of(b""), subjects=subjects)


def test_a_gatekeeper_needs_an_issuer_and_an_audience() -> None:
    issuer = Issuer(name=None, keys=source_of(b""))
    for issuers, audiences in (([], ["x"]), ([issuer], []), ([issuer], [""]), ([issuer] * 101, ["x"])):
        with pytest.raises(InvalidValueError):
            Gatekeeper(issuers, audiences, ManualClock(START).now)


# -- keys ---------------------------------------------------------------------------------------------


def test_a_token_whose_key_was_taken_back_is_refused_though_it_was_good() -> None:
    old, new = minter(Algorithm.ES256, 1), minter(Algorithm.ES256, 2)
    shelf = Shelf(jwks(old, new))
    source = source_of(shelf)
    gate = keeper(Issuer(name=None, keys=source))
    token = bearer(by=old)
    gate.admit(token)
    shelf.data = jwks(new)
    source.refresh()
    assert "has no ES256 key named" in refused(gate, token)
    assert gate.admit(bearer(by=new)).subject == "uss1"


def test_without_keys_the_reason_is_that_they_could_not_be_fetched() -> None:
    shelf = Shelf(b"")
    shelf.fault = InvalidValueError("", "it answers 503")
    source = source_of(shelf)
    gate = keeper(Issuer(name=AUTH, keys=source))
    assert f"the keys of issuer '{AUTH}' could not be fetched" in refused(gate, bearer())
    assert gate.faults == ("the keys of auth.pem could not be fetched, and there are none: it answers 503",)


@pytest.mark.parametrize("kid", ["../../etc/passwd", "' OR 1=1 --", "k" * 256, "\0", "http://evil.example"])
def test_a_kid_is_compared_and_nothing_else(kid: str) -> None:
    gate = keeper(Issuer(name=None, keys=source_of(jwks(minter()))))
    assert "has no ES256 key named" in refused(gate, raw({"alg": "ES256", "kid": kid}, claims_of()))


def test_keys_without_names_may_be_meant_by_any_name_and_too_many_are_not_tried() -> None:
    many = b"".join(minter(Algorithm.EDDSA, k).public_pem() for k in range(22))
    issuers = [Issuer(name=None, keys=source_of(many)) for _ in range(3)]
    token = raw({"alg": "EdDSA", "kid": "any"}, claims_of(), by=minter(Algorithm.EDDSA, 0))
    assert "must name its key" in refused(keeper(*issuers), token)
    assert keeper(*issuers[:2]).admit(token).subject == "uss1"


def test_verified_tokens_are_remembered_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gatekeeper, "TOKENS_KEPT_MAX", 2)
    gate = keeper()
    tokens = [bearer(jti=str(k)) for k in range(5)]
    for token in tokens * 2:
        assert gate.admit(token).subject == "uss1"
    assert len(gate._kept) == 2


# -- tokens that are taken once -----------------------------------------------------------------------


def test_with_the_replay_guard_a_token_is_taken_once() -> None:
    clock = ManualClock(START)
    gate = keeper(clock=clock, replay_guard=True)
    gate.admit(bearer(exp=NOW_S + 10))
    assert "used before" in refused(gate, bearer(exp=NOW_S + 10))
    assert gate.admit(bearer(jti="two")).subject == "uss1"
    assert "has no id (jti)" in refused(gate, bearer(jti=None))
    clock.advance(10.0)
    assert gate.admit(bearer(exp=NOW_S + 60)).subject == "uss1"  # the first of that id is no longer good


def test_the_replay_guard_takes_no_token_while_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "USED_MAX", 2)
    clock = ManualClock(START)
    gate = keeper(clock=clock, replay_guard=True)
    for name in ("a", "b"):
        gate.admit(bearer(jti=name, exp=NOW_S + 5))
    assert "too many tokens" in refused(gate, bearer(jti="c"))
    clock.advance(5.0)
    assert gate.admit(bearer(jti="c")).subject == "uss1"


# -- laws ---------------------------------------------------------------------------------------------

_GATE = keeper()
_GOOD = bearer()


@given(st.text(max_size=200) | st.text(max_size=60).map("Bearer {}".format))
@example("Bearer " + "." * 100)
def test_any_text_is_refused_and_never_a_fault(text: str) -> None:
    refused(_GATE, text)


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=80))
def test_any_three_parts_are_refused_and_never_a_fault(
    header: bytes, payload: bytes, signature: bytes
) -> None:
    token = b".".join(map(b64, (header, payload, signature))).decode()
    refused(_GATE, f"Bearer {token}")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.slow
@given(
    st.dictionaries(st.sampled_from(["iss", "sub", "aud", "scope", "exp", "nbf", "iat", "jti"]), _JSON),
    st.dictionaries(st.sampled_from(["kid", "typ", "cty", "jwk", "jku", "x5c", "x5u", "crit", "b64"]), _JSON),
)
def test_any_claims_and_headers_that_are_signed_make_a_bearer_or_a_refusal(
    claims: dict[str, Any], header: dict[str, Any]
) -> None:
    authorization = raw({"alg": "ES256", **header}, claims_of() | claims)
    found = None
    with contextlib.suppress(TokenError):
        found = _GATE.admit(authorization)
    if found is not None:
        assert found.subject == claims.get("sub", "uss1")
        assert found.subject
        assert NOW_S < found.expires_s + 1 <= NOW_S + TOKEN_LIFETIME_S_MAX + CLOCK_LEEWAY_S + 1


@pytest.mark.slow
@given(st.data())
def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(len("Bearer "), len(_GOOD) - 1))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ~"
    other = data.draw(st.sampled_from([each for each in alphabet if each != _GOOD[at]]))
    changed = _GOOD[:at] + other + _GOOD[at + 1 :]
    if changed.strip(" ") == changed:
        refused(_GATE, changed)
    kept = data.draw(st.integers(0, len(_GOOD) - 1))
    refused(_GATE, _GOOD[:kept])


@pytest.mark.slow
@given(
    st.integers(-7_200, 7_200), st.none() | st.integers(-7_200, 7_200), st.none() | st.integers(-7_200, 7_200)
)
def test_a_token_is_good_exactly_when_its_times_are(exp: int, nbf: int | None, iat: int | None) -> None:
    is_good = 0 < exp <= TOKEN_LIFETIME_S_MAX + CLOCK_LEEWAY_S and all(
        begin is None or begin <= CLOCK_LEEWAY_S for begin in (nbf, iat)
    )
    token = bearer(
        exp=NOW_S + exp,
        nbf=None if nbf is None else NOW_S + nbf,
        iat=None if iat is None else NOW_S + iat,
    )
    for _ in range(2):  # a remembered token is judged alike
        try:
            keeper_says = bool(_GATE.admit(token))
        except TokenError:
            keeper_says = False
        assert keeper_says == is_good
