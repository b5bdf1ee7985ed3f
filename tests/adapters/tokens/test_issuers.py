"""Issuers as an operator states them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from keepclear.adapters.tokens.issuers import issuers_of
from keepclear.core.errors import InvalidValueError
from tests.adapters.tokens.issuing import AUTH, bearer, keeper, minter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "auth.pem").write_bytes(minter().public_pem())
    (tmp_path / "key.pem").write_bytes(minter().key.as_pem(private=True))
    return tmp_path


def test_keys_alone_are_trusted_for_any_issuer_and_subject(folder: Path) -> None:
    (issuer,) = issuers_of(["auth.pem"], folder=folder)
    assert (issuer.name, issuer.subjects) == (None, ())
    assert keeper(issuer).admit(bearer(iss="anybody", sub="anyone")).subject == "anyone"


def test_an_entry_has_a_name_keys_and_subjects(folder: Path) -> None:
    entry = {"name": AUTH, "keys": "auth.pem", "subjects": ["uss1", "north-*"]}
    (issuer,) = issuers_of(entries=[entry], folder=folder)
    assert (issuer.name, issuer.subjects) == (AUTH, ("uss1", "north-*"))


def test_one_place_is_read_once_for_all_who_name_it(folder: Path) -> None:
    url = "https://auth.example/jwks.json"
    found = issuers_of(
        ["auth.pem", url], [{"name": AUTH, "keys": "auth.pem"}, {"name": "b", "keys": url}], folder=folder
    )
    assert [issuer.keys.name for issuer in found] == [str(folder / "auth.pem"), url] * 2
    assert len({issuer.keys for issuer in found}) == 2


@pytest.mark.parametrize(
    ("trusted", "entry", "told"),
    [
        ("none.pem", None, "trust-key none.pem: there is no such file"),
        ("key.pem", None, "openssl pkey"),
        ("http://auth.example/", None, "use https"),
        (None, {}, r"dss.issuer\[0\].name: it is missing"),
        (None, {"name": AUTH}, r"dss.issuer\[0\].keys: it is missing"),
        (None, {"name": 7, "keys": "auth.pem"}, "name: it is missing, or no text"),
        (None, {"name": AUTH, "keys": "none.pem"}, r"dss.issuer\[0\].keys none.pem: there is no such file"),
        (None, {"name": AUTH, "keys": "auth.pem", "subjects": "uss1"}, "must be a list"),
        (None, {"name": AUTH, "keys": "auth.pem", "subjects": []}, "must be a list"),
        (None, {"name": AUTH, "keys": "auth.pem", "subjects": [1]}, "must be a list"),
        (None, {"name": AUTH, "keys": "auth.pem", "subjects": ["a*b"]}, "at the end only"),
        (None, {"name": AUTH, "keys": "auth.pem", "subject": ["a"]}, "did you mean 'subjects'"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_way_out(
    folder: Path, trusted: str | None, entry: dict[str, Any] | None, told: str
) -> None:
    with pytest.raises(InvalidValueError, match=told):
        issuers_of([] if trusted is None else [trusted], [] if entry is None else [entry], folder=folder)
