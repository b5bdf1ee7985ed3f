"""The commands that make, run and keep a node, as users run them."""

from __future__ import annotations

import gc
import json
import logging
import os
import queue
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from keepclear.adapters import clock
from keepclear.adapters.config import load_settings
from keepclear.adapters.http.client import NodeClient
from keepclear.adapters.keys import KeyFolder, load_locked_key, load_node_key
from keepclear.adapters.notary import Notary
from keepclear.adapters.settings import Settings
from keepclear.adapters.store.access import Access
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.adapters.token_file import read_token
from keepclear.cli import main
from keepclear.cli_keep import ROLES
from keepclear.codec.cards import decode_card
from keepclear.core.intents import PartyId
from keepclear.main import init as making
from keepclear.main.demo_node import Shown
from keepclear.main.keys import root_key_of
from keepclear.node.access import Role
from keepclear.node.logs import Logs

READY_S = 10.0
"""So long a node may take until it serves."""


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder, with nothing in the environment; a node logs no further than its test."""
    handlers, level = logging.root.handlers[:], logging.root.level
    for variable in [name for name in os.environ if name.startswith("KEEPCLEAR_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(main, [str(each) for each in arguments], prog_name="keepclear")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def made() -> None:
    """Make a node in the current folder."""
    assert run("init", "--party", "relief", "--person", "Dana", "--without-keys").exit_code == 0


def test_the_roles_of_the_option_are_those_of_the_code() -> None:
    assert list(ROLES) == [role.value for role in Role]


# -- init -------------------------------------------------------------------------------------------


PASSPHRASE = "four words of mine"


@pytest.fixture
def with_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the passphrase by the variable; the hash takes no time, which is not what is tested."""
    monkeypatch.setattr("keepclear.adapters.keys._SCRYPT_N", 2)
    monkeypatch.setenv("KEEPCLEAR_PASSPHRASE", PASSPHRASE)


@pytest.mark.usefixtures("with_passphrase")
def test_init_makes_what_a_node_needs_and_tells_what_to_type_next() -> None:
    done = run("init", "node", "--party", "relief", "--name", "Relief", "--person", "Dana")
    assert done.exit_code == 0
    for told in ("node/keepclear.toml", "node/keepclear.token", "Dana", "cd node", "keepclear serve"):
        assert told in done.stdout
    assert "Carry the root key away" in done.stdout
    names = ["keepclear.token", "keepclear.sqlite3"]
    names += [f"keys/{name}.key" for name in ("root", "node", "tls", "officers/Dana")]
    for name in names:
        assert stat.S_IMODE(Path("node", name).stat().st_mode) == 0o600
    assert sorted(path.name for path in Path("node").iterdir()) == sorted(
        ["keepclear.sqlite3", "keepclear.token", "keepclear.toml", "keys"]
    )
    with closing(Access(Path("node/keepclear.sqlite3"), clock.now)) as access:
        grant = access.grant_of(read_token(Path("node/keepclear.token")))
    assert (grant.actor.party, grant.actor.person, grant.role) == ("relief", "Dana", Role.ADMINISTRATOR)


@pytest.mark.usefixtures("with_passphrase")
def test_init_writes_the_first_entries_of_the_log_and_pins_its_own_card() -> None:
    run("init", "--party", "relief", "--person", "Dana", "--officer", "Kim", "--address", "127.0.0.1:8431")
    folder = KeyFolder(Path("keys"))
    root = load_locked_key(folder.root, PASSPHRASE)
    officer = load_locked_key(folder.officer("Kim"), PASSPHRASE)
    with closing(SqliteStore(Path("keepclear.sqlite3"))) as store:
        (known,) = store.parties()
        card = decode_card(known.card)
        notary = Notary(PartyId("relief"), load_node_key(folder.node))
        logs = Logs(PartyId("relief"), notary)
        logs.fill(store, root_key_of)
        (head,) = store.heads(PartyId("relief"), 2, 1)
    assert known.is_own
    assert (card.root, card.node_key, card.address) == (
        root.public,
        load_node_key(folder.node).public,
        "127.0.0.1:8431",
    )
    log = logs[PartyId("relief")]
    assert (log.tree.size, head.size) == (2, 2)
    assert log.keys.officer_key(officer.kid, 2, "Kim") == officer.public
    assert log.keys.officer(officer.kid) == "Kim"
    settings = load_settings("keepclear.toml", environment={})
    assert settings.federation.address == settings.federation.listen == "127.0.0.1:8431"


@pytest.mark.usefixtures("with_passphrase")
def test_an_officer_may_have_a_passphrase_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPCLEAR_OFFICER_PASSPHRASE", "quite another one")
    assert run("init", "--party", "relief", "--person", "Dana").exit_code == 0
    folder = KeyFolder(Path("keys"))
    load_locked_key(folder.root, PASSPHRASE)
    load_locked_key(folder.officer("Dana"), "quite another one")


def test_passphrases_can_come_from_a_file_that_only_its_owner_can_read() -> None:
    Path("words").write_text(f"{PASSPHRASE}\nmore\n")
    words = ("init", "node", "--party", "relief", "--person", "Dana", "--passphrase-file", "words")
    refused = run(*words)
    assert refused.exit_code == 2
    assert "chmod 600" in refused.stderr
    Path("words").chmod(0o600)
    assert (
        run("init", "node", "--party", "relief", "--person", "Dana", "--passphrase-file", "words").exit_code
        == 0
    )
    load_locked_key(KeyFolder(Path("node/keys")).root, PASSPHRASE)
    assert PASSPHRASE not in Path("node/keepclear.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        ([], {}, "--passphrase-file"),
        ([], {"KEEPCLEAR_PASSPHRASE": "short"}, "at least 12 characters"),
        ([], {"KEEPCLEAR_PASSPHRASE": PASSPHRASE, "KEEPCLEAR_OFFICER_PASSPHRASE": "short"}, "at least 12"),
        (["--passphrase-file", "none"], {}, "No such file"),
        (["--passphrase-file", "empty"], {}, "holds no passphrase"),
        (["--officer", "a/b"], {"KEEPCLEAR_PASSPHRASE": PASSPHRASE}, "names a file"),
        (["--address", "nowhere"], {"KEEPCLEAR_PASSPHRASE": PASSPHRASE}, "address"),
        (["--listen", "nowhere"], {"KEEPCLEAR_PASSPHRASE": PASSPHRASE}, "listen"),
        (["--listen", "0.0.0.0:80"], {"KEEPCLEAR_PASSPHRASE": PASSPHRASE}, "tls_certificate"),
        (["--without-keys", "--officer", "Kim"], {}, "makes no sense with --without-keys"),
        (["--party", "a b"], {"KEEPCLEAR_PASSPHRASE": PASSPHRASE}, "for a log"),
    ],
)
def test_init_that_cannot_be_leaves_nothing_behind(
    arguments: list[str], environment: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("empty").touch(mode=0o600)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    done = run("init", "node", "--party", "relief", "--person", "Dana", *arguments)
    assert done.exit_code == 2
    assert told in done.stderr
    assert [path.name for path in Path().iterdir()] == ["empty"]


@pytest.mark.usefixtures("with_passphrase")
@pytest.mark.parametrize("broken", ["make_keys", "write_token"])
def test_init_that_breaks_off_leaves_nothing_behind(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"keepclear.main.init.{broken}", breaking)
    done = run("init", "node", "--party", "relief", "--person", "Dana")
    assert done.exit_code == 2
    assert "No space left" in done.stderr
    assert list(Path().iterdir()) == []


@pytest.mark.usefixtures("with_passphrase")
def test_what_was_made_goes_back_where_something_else_took_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    write_token = making.write_token

    def meanwhile(file: Path, secret: str) -> None:
        write_token(file, secret)
        Path("keys").mkdir()

    monkeypatch.setattr(making, "write_token", meanwhile)
    done = run("init", "--party", "relief", "--person", "Dana")
    assert done.exit_code == 2
    assert [path.name for path in Path().iterdir()] == ["keys"]


@pytest.mark.parametrize("name", ["keepclear.toml", "keepclear.sqlite3", "keepclear.token", "keys"])
@pytest.mark.usefixtures("with_passphrase")
def test_init_writes_over_nothing(name: str) -> None:
    Path(name).write_text("mine")
    done = run("init", "--party", "relief", "--person", "Dana")
    assert done.exit_code == 2
    assert "exists already" in done.stderr
    assert [path.name for path in Path().iterdir()] == [name]


def test_passphrases_are_asked_for_twice_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    def answering(text: str, *, hide_input: bool, confirmation_prompt: str = "", **_: object) -> str:
        asked.append((text, hide_input and bool(confirmation_prompt)))
        return f"{PASSPHRASE} {len(asked)}"

    monkeypatch.setattr("keepclear.adapters.keys._SCRYPT_N", 2)
    monkeypatch.setattr("keepclear.cli_officer.is_terminal", lambda: True)
    monkeypatch.setattr("click.prompt", answering)
    assert run("init", "--party", "relief", "--person", "Dana").exit_code == 0
    assert asked == [("New passphrase of the root key", True), ("New passphrase of the key of Dana", True)]
    load_locked_key(KeyFolder(Path("keys")).root, f"{PASSPHRASE} 1")
    load_locked_key(KeyFolder(Path("keys")).officer("Dana"), f"{PASSPHRASE} 2")


def test_init_takes_the_login_name_and_asks_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError

    monkeypatch.setattr("getpass.getuser", lambda: "dana")
    assert "dana, administrator" in run("init", "one", "--party", "relief", "--without-keys").stdout
    monkeypatch.setattr("getpass.getuser", nobody)
    assert "--person" in run("init", "two", "--party", "relief").stderr


# -- serve and demo ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Beside:
    """A command that runs beside the test."""

    process: subprocess.Popen[str]
    lines: queue.Queue[str]
    told: list[str] = field(default_factory=list)

    def line_with(self, pattern: str) -> re.Match[str]:
        """Wait for a line on its standard error; an empty one is its end."""
        deadline = time.monotonic() + READY_S
        while (left_s := deadline - time.monotonic()) > 0.0:
            try:
                self.told.append(self.lines.get(timeout=left_s))
            except queue.Empty:
                break
            if found := re.search(pattern, self.told[-1]):
                return found
            if not self.told[-1]:
                break
        raise AssertionError(f"no {pattern!r} in {self.told}")

    def stopped_by(self, wish: signal.Signals) -> int:
        """Tell it to stop, and return its exit code."""
        self.process.send_signal(wish)
        return self.process.wait(READY_S)


@contextmanager
def beside(*arguments: str) -> Iterator[Beside]:
    """Run a command beside the test."""
    command = [sys.executable, "-W", "error", "-m", "keepclear.cli", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        lines: queue.Queue[str] = queue.Queue()

        def read() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                lines.put(line)
            lines.put("")

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield Beside(process, lines)
        finally:
            process.kill()  # if it has not ended
            reader.join(READY_S)


@pytest.mark.slow
@pytest.mark.parametrize("wish", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.usefixtures("made")
def test_a_node_serves_until_it_is_told_to_stop(wish: signal.Signals) -> None:
    with beside("serve", "--listen", "127.0.0.1:0") as node:
        url = node.line_with(r"^serving on (http://127\.0\.0\.1:\d+)$")[1]
        with NodeClient(url, read_token(Path("keepclear.token"))) as client:
            assert client.session().party == "relief"
        assert node.stopped_by(wish) == 0
        node.line_with("^$")
    assert "Traceback" not in "".join(node.told)
    assert not Path("keepclear.sqlite3-wal").exists()  # the database was closed


def test_a_node_collects_garbage_and_takes_the_settings_it_is_told(
    monkeypatch: pytest.MonkeyPatch, made: None
) -> None:
    seen: list[tuple[bool, str]] = []

    def serving(settings: Settings, *, started: Callable[[str], None]) -> None:
        seen.append((gc.isenabled(), settings.server.listen))

    monkeypatch.setattr("keepclear.main.node.run", serving)
    gc.disable()
    try:
        assert run("serve", "--config", "keepclear.toml", "--listen", "[::1]:9000").exit_code == 0
    finally:
        gc.enable()
    assert seen == [(True, "[::1]:9000")]


def test_the_demonstration_opens_the_browser_if_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    names = ("Relief Organisation", "North Force", "Coalition")
    shown = [
        Shown(party=PartyId(name.lower()), name=name, url=f"http://127.0.0.1:{port}", folder=Path(name))
        for port, name in enumerate(names, start=1)
    ]

    def showing(*, started: Callable[[Sequence[Shown]], None], **_: object) -> None:
        started(shown)

    class AtOnce:
        def __init__(self, target: Callable[[], None], **_: object) -> None:
            self.start = target

    monkeypatch.setattr("keepclear.main.demo.run_demo", showing)
    monkeypatch.setattr("threading.Thread", AtOnce)
    monkeypatch.setattr("webbrowser.open", opened.append)  # and returns None: it failed
    assert run("demo").exit_code == 0
    done = run("demo", "--open")
    assert opened == [each.url for each in shown]
    assert all(name in done.stderr for name in names)
    assert "no browser could be opened" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serve"], "node.party"),
        (["serve", "--config", "no.toml"], "no such file"),
        (["demo", "--speed", "0"], "speed"),
        (["demo", "--port", "70000"], "--port"),
        (["config", "show"], "node.party"),
        (["backup", "x"], "node.party"),
        (["token", "list"], "node.party"),
    ],
)
def test_what_cannot_run_says_why(arguments: list[str], told: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert told in done.stderr


@pytest.mark.usefixtures("made")
def test_a_bad_address_is_bad_usage() -> None:
    for listen in ("nowhere", "0.0.0.0:80"):
        done = run("serve", "--listen", listen)
        assert done.exit_code == 2
        assert "--listen" in done.stderr


@pytest.mark.usefixtures("made")
def test_a_certificate_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPCLEAR_SERVER_TLS_CERTIFICATE", "cert.pem")
    monkeypatch.setenv("KEEPCLEAR_SERVER_TLS_KEY", "key.pem")
    for told in ("No such file", "no certificate"):
        done = run("serve", "--listen", "127.0.0.1:0")
        assert done.exit_code == 2
        assert told in done.stderr
        Path("cert.pem").write_text("junk")
        Path("key.pem").write_text("junk")


@pytest.mark.usefixtures("made")
def test_a_port_that_is_taken_is_told() -> None:
    from keepclear.adapters.http.server import listening

    with listening("127.0.0.1", 0) as listener:
        done = run("serve", "--listen", f"127.0.0.1:{listener.getsockname()[1]}")
    assert done.exit_code == 2
    assert "choose another port" in done.stderr


# -- backup and restore -----------------------------------------------------------------------------


@pytest.mark.usefixtures("made")
def test_a_backup_is_restored_and_the_old_database_moved_aside() -> None:
    assert "0 items" in run("backup", "copy.sqlite3").stdout
    assert run("backup", "copy.sqlite3").exit_code == 2  # it is there
    refused = run("restore", "copy.sqlite3")
    assert refused.exit_code == 2
    assert "--replace" in refused.stderr
    done = run("restore", "copy.sqlite3", "--replace")
    assert done.exit_code == 0
    assert "what was there before" in done.stdout
    assert len(list(Path().glob("keepclear.sqlite3.before-*"))) == 1
    Path("keepclear.sqlite3").unlink()
    assert run("restore", "copy.sqlite3").exit_code == 0


@pytest.mark.usefixtures("made")
def test_a_database_that_is_in_use_is_backed_up_and_not_restored() -> None:
    with closing(SqliteStore(Path("keepclear.sqlite3"))):
        assert run("backup", "copy.sqlite3").exit_code == 0
        done = run("restore", "copy.sqlite3", "--replace")
    assert done.exit_code == 3  # trying again may help
    assert "stop the node first" in done.stderr


@pytest.mark.usefixtures("made")
def test_what_is_no_backup_is_refused() -> None:
    Path("junk").write_bytes(b"junk" * 1000)
    assert run("restore", "junk", "--replace").exit_code == 2
    assert run("restore", "nothing", "--replace").exit_code == 2


# -- doctor and config ------------------------------------------------------------------------------


def outcomes(done: Result) -> Mapping[str, str]:
    return {check["name"]: check["outcome"] for check in json.loads(done.stdout)["checks"]}


@pytest.mark.usefixtures("made")
def test_the_doctor_looks_at_the_database_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPCLEAR_SERVER_LISTEN", "127.0.0.1:0")
    done = run("doctor", "--json")
    assert done.exit_code in {0, 3}  # 3 where the system does not tell of its clock
    assert outcomes(done)["database"] == "ok"
    assert outcomes(done)["permissions"] == "ok"
    assert "disk space" in run("doctor").stdout
    Path("keepclear.token").chmod(0o644)
    assert outcomes(run("doctor", "--json"))["permissions"] == "warning"
    Path("keepclear.sqlite3").write_bytes(b"junk" * 1000)
    broken = run("doctor", "--json")
    assert broken.exit_code == 1
    assert outcomes(broken)["database"] == "failed"


def test_what_the_doctor_could_not_look_at_is_never_good(monkeypatch: pytest.MonkeyPatch) -> None:
    from keepclear.adapters.doctor import Check, Outcome

    def looking(*outcome: Outcome) -> Any:
        return lambda *_: tuple(Check(name="x", outcome=each, detail="y") for each in outcome)

    for found, code in (
        ((Outcome.OK, Outcome.WARNING), 0),
        ((Outcome.WARNING, Outcome.UNCHECKED), 3),
        ((Outcome.UNCHECKED, Outcome.FAILED), 1),
    ):
        monkeypatch.setattr("keepclear.main.node.diagnose", looking(*found))
        assert run("doctor").exit_code == code


def test_the_doctor_without_a_configuration_says_so() -> None:
    done = run("doctor", "--json")
    assert done.exit_code == 1
    assert outcomes(done)["configuration"] == "failed"


@pytest.mark.usefixtures("made")
def test_the_configuration_is_shown_with_where_each_value_comes_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEEPCLEAR_LOG_LEVEL", "debug")
    assert "KEEPCLEAR_LOG_LEVEL" in run("config", "show").stdout
    rows = json.loads(run("config", "show", "--format", "json").stdout)["settings"]
    assert {"relief", "debug"} <= {row["value"] for row in rows if isinstance(row["value"], str)}


# -- tokens -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("made")
def test_a_token_is_issued_listed_and_revoked() -> None:
    done = run("token", "issue", "--person", "Kim", "--role", "viewer", "--party", "north", "--days", "7")
    assert done.exit_code == 0
    assert re.fullmatch(r"kc_\S+\n", done.stdout)  # alone, so that a pipe gets it
    assert "Kim of north: viewer" in done.stderr
    tokens = json.loads(run("token", "list", "--format", "json").stdout)["tokens"]
    (kim,) = [token for token in tokens if token["person"] == "Kim"]
    assert done.stdout.strip() not in json.dumps(tokens)
    assert run("token", "revoke", kim["id"]).exit_code == 0
    assert run("token", "revoke", "nothing").exit_code == 2
    assert "Kim" in run("token", "list").stdout
    with closing(Access(Path("keepclear.sqlite3"), clock.now)) as access:
        assert [row.revoked is None for row in access.tokens() if row.grant.token_id == kim["id"]] == [False]


@pytest.mark.usefixtures("made")
def test_a_token_goes_into_a_file_of_its_owner_and_over_none() -> None:
    issue = ("token", "issue", "--person", "Kim", "--role", "viewer", "--output")
    done = run(*issue, "kim.token")
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "kc_" not in done.stderr
    assert stat.S_IMODE(Path("kim.token").stat().st_mode) == 0o600
    assert run(*issue, "kim.token").exit_code == 2
    assert run(*issue, "no/folder/kim.token").exit_code == 2
    tokens = json.loads(run("token", "list", "--format", "json").stdout)["tokens"]
    assert sorted(token["revoked"] is None for token in tokens) == [False, True, True]  # nobody has the last


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(("option", "value"), [("--days", "0"), ("--days", "9999"), ("--party", "")])
def test_a_token_that_cannot_be_is_bad_usage(option: str, value: str) -> None:
    done = run("token", "issue", "--person", "Kim", "--role", "viewer", option, value)
    if option == "--party":
        assert done.exit_code == 0  # none named: that of the node
        return
    assert done.exit_code == 2
    assert option in done.stderr
