"""Tokens of one's own making: `keepclear dev-token` as users run it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from keepclear.adapters import clock
from keepclear.adapters.tokens.bearer import TokenError
from keepclear.adapters.tokens.gatekeeper import Gatekeeper
from keepclear.adapters.tokens.issuers import issuers_of
from keepclear.adapters.tokens.jwt import TOKEN_LIFETIME_S_MAX
from keepclear.adapters.tokens.minting import make_minter
from keepclear.adapters.tokens.public_keys import Algorithm
from keepclear.cli import main
from keepclear.cli_token import ALGORITHMS


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["dev-token", *arguments], prog_name="keepclear")


def gate(audience: str = "localhost") -> Gatekeeper:
    return Gatekeeper(issuers_of(["dev-key.pub.pem"]), [audience], clock.now)


def test_the_first_token_makes_a_key_and_a_service_that_trusts_it_takes_it(workplace: Path) -> None:
    done = run("--algorithm", "ES256")
    assert done.exit_code == 0, done.output
    assert "for trying out only" in done.stderr
    assert "key made: dev-key.pem is private" in done.stderr
    found = gate().admit(f"Bearer {done.stdout.strip()}")
    assert (found.subject, *found.scopes) == ("uss1", "utm.strategic_coordination")
    if os.name == "posix":
        assert stat.S_IMODE((workplace / "dev-key.pem").stat().st_mode) == 0o600


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_used_again(algorithm: str) -> None:
    first = run("--algorithm", algorithm)
    key = Path("dev-key.pem").read_bytes()
    second = run("--subject", "uss2")
    assert Path("dev-key.pem").read_bytes() == key
    assert first.stdout != second.stdout
    assert gate().admit(f"Bearer {second.stdout.strip()}").subject == "uss2"


def test_every_option_is_in_the_token() -> None:
    done = run(
        *("--algorithm", "EdDSA", "--key", "mine.pem", "--subject", "uss3", "--issuer", "me"),
        *(
            "--scope",
            "a",
            "--scope",
            "b",
            "--audience",
            "x",
            "--audience",
            "y",
            "--lifetime-s",
            "60",
            "--json",
        ),
    )
    answer = json.loads(done.stdout)
    claims = answer["claims"]
    assert (claims["sub"], claims["iss"], claims["scope"], claims["aud"]) == ("uss3", "me", "a b", ["x", "y"])
    assert claims["exp"] - claims["iat"] == 60
    assert (answer["key"], answer["public_key"]) == ("mine.pem", "mine.pub.pem")
    keeper = Gatekeeper(issuers_of(["mine.pub.pem"]), ["y"], clock.now)
    assert keeper.admit(f"Bearer {answer['token']}").issuer == "me"
    with pytest.raises(TokenError):
        Gatekeeper(issuers_of(["mine.pub.pem"]), ["z"], clock.now).admit(f"Bearer {answer['token']}")


def test_a_lost_public_key_is_written_again() -> None:
    run("--algorithm", "ES256")
    written = Path("dev-key.pub.pem").read_bytes()
    Path("dev-key.pub.pem").unlink()
    assert run().exit_code == 0
    assert Path("dev-key.pub.pem").read_bytes() == written


def test_what_cannot_be_done_is_told_with_the_way_out(workplace: Path) -> None:
    run("--algorithm", "ES256")
    assert "leave --algorithm out" in run("--algorithm", "RS256").stderr
    Path("other.pub.pem").write_bytes(b"")
    other = run("--key", "other.pem", "--algorithm", "ES256")
    assert (other.exit_code, Path("other.pem").exists()) == (2, False)
    assert "exists already" in other.stderr
    assert "no private key" in run("--key", "dev-key.pub.pem").stderr + _opened("dev-key.pub.pem")
    assert run("--lifetime-s", "3601").exit_code == 2
    assert run("--subject", "").exit_code == 2
    assert "cannot be written" in run("--key", "none/key.pem", "--algorithm", "ES256").stderr
    if os.name == "posix":
        Path("dev-key.pem").chmod(0o644)
        assert "chmod 600" in run().stderr


def _opened(name: str) -> str:
    Path(name).chmod(0o600)
    return run("--key", name).stderr


def test_the_command_says_what_the_code_can() -> None:
    assert set(ALGORITHMS) == {algorithm.value for algorithm in Algorithm}
    assert f"x<={TOKEN_LIFETIME_S_MAX}]" in run("--help").output


def test_the_public_key_holds_nothing_private() -> None:
    minter = make_minter(Algorithm.ES256)
    assert b"PRIVATE" not in minter.public_pem()
    assert not {"d", "p", "q"} & minter.public_jwk().keys()
