"""`keepclear serve --role dss` as users run it wrongly: each message says what to do instead."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from keepclear.adapters.http.server import listening
from keepclear.adapters.tokens.minting import make_minter, write_minter
from keepclear.adapters.tokens.public_keys import Algorithm
from keepclear.cli import main

TRUSTED = ("--trust-key", "key.pub.pem")
NAMED = """
[[dss.issuer]]
name = "https://auth.example"
keys = "key.pub.pem"
"""


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder with a key; what is logged stays in its test."""
    handlers, level = logging.root.handlers[:], logging.root.level
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("KEEPCLEAR_DSS_DATABASE", raising=False)
    monkeypatch.chdir(tmp_path)
    write_minter(tmp_path / "key.pem", make_minter(Algorithm.ES256))
    yield tmp_path
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def serve(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["serve", "--role", "dss", *arguments], prog_name="keepclear")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "dev-token"),
        (("--trust-key", "none.pem"), "trust-key none.pem: there is no such file; get it from the issuer"),
        (("--trust-key", "key.pem"), "openssl pkey"),
        ((*TRUSTED, "--config", "keepclear.toml"), "leave it out"),
        ((*TRUSTED, "--listen", "8082"), "write such as 127.0.0.1:8082"),
        ((*TRUSTED, "--listen", "0.0.0.0:8082"), "give --audience HOST"),
        ((*TRUSTED, "--listen", "[::]:8082"), "give --audience HOST"),
        ((*TRUSTED, "--public-url", "dss.example"), "write https://dss.example"),
        ((*TRUSTED, "--tls-key", "key.pem"), "give both, or neither"),
        ((*TRUSTED, "--listen", "127.0.0.1:0", "--database", "mysql://u:secret@h/n"), "write sqlite:PATH"),
        ((*TRUSTED, "--listen", "127.0.0.1:0", "--database", "sqlite:none/x.db"), "that its folder is there"),
        (
            (*TRUSTED, "--tls-certificate", "key.pub.pem", "--tls-key", "key.pem"),
            "key.pub.pem: this is no certificate with its key in key.pem",
        ),
    ],
)
def test_what_cannot_run_says_what_to_do(arguments: tuple[str, ...], told: str) -> None:
    done = serve(*arguments)
    assert done.exit_code == 2, done.output
    assert told in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x =", "it is not TOML"),
        ("x = 1", "it holds no issuer; write [[dss.issuer]]"),
        ("dss = 1", "it holds no issuer"),
        (NAMED.replace("[[dss.issuer]]", "[dss.issuer]"), "it holds no issuer"),
        (NAMED + NAMED.replace("issuer", "isuer"), "'dss.isuer' is not known"),
        (NAMED + "[limits]\n", "'limits' is not known"),
        (NAMED.replace("key.pub", "none"), "dss.issuer[0].keys none.pem: there is no such file"),
    ],
)
def test_a_file_of_issuers_of_which_something_is_not_understood_is_refused(text: str, told: str) -> None:
    Path("issuers.toml").write_text(text)
    done = serve("--issuers", "issuers.toml")
    assert done.exit_code == 2, done.output
    assert told in done.stderr


def test_a_port_that_is_taken_is_told() -> None:
    with listening("127.0.0.1", 0) as listener:
        done = serve(*TRUSTED, "--database", "memory:", "--listen", f"127.0.0.1:{listener.getsockname()[1]}")
    assert done.exit_code == 2
    assert done.stderr.rstrip().endswith("choose another port")


def test_a_node_takes_no_option_of_a_dss() -> None:
    done = CliRunner().invoke(main, ["serve", "--replay-guard"], prog_name="keepclear")
    assert done.exit_code == 2
    assert "--replay-guard is for a DSS: add --role dss" in done.stderr


def test_the_help_has_what_is_for_a_dss_by_itself() -> None:
    parts = serve("--help").stdout.partition("Options:")[2].partition("Options of a DSS")
    both, of_dss = (set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", part, re.MULTILINE)) for part in parts[::2])
    assert both == {"--role", "--config", "--listen", "--help"}
    assert {"--database", "--trust-key", "--tls-key", "--instance"} <= of_dss
