"""The configuration: what stands above what, what is refused and how, and that the reference tells it."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.config import CONFIG_BYTES_MAX, OTHER_VARIABLES, find_config, load_settings
from keepclear.adapters.config_text import (
    DEFAULT_ORIGIN,
    default_literal,
    explained,
    explained_json,
    explained_table,
    fresh_config,
)
from keepclear.adapters.settings import (
    Key,
    LogFormat,
    LogLevel,
    NodeSettings,
    ServerSettings,
    Settings,
    keys,
)
from keepclear.core.errors import InvalidValueError
from keepclear.node.policy import ConflictPolicy

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
NORTH = '[node]\nparty = "north"\n'


def loaded(folder: Path, text: str = NORTH, **variables: str) -> Settings:
    (folder / "keepclear.toml").write_text(text, encoding="utf-8")
    return load_settings(None, environment=variables, folder=folder)


def refused(folder: Path, text: str = NORTH, **variables: str) -> InvalidValueError:
    with pytest.raises(InvalidValueError) as caught:
        loaded(folder, text, **variables)
    return caught.value


# -- finding and reading ----------------------------------------------------------------------------


def test_a_party_is_enough_and_everything_else_has_a_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert settings.node.party == settings.node.name == "north"
    assert settings.node.conflicts is ConflictPolicy.REFUSE
    assert settings.node.database == tmp_path / "keepclear.sqlite3"
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8421)
    assert not settings.server.is_tls
    assert settings.limits.body_bytes == 4_000_000
    assert settings.buffer.gap.lateral_m == 0.0
    assert settings.log.level is LogLevel.INFO
    assert settings.node.keys == tmp_path / "keys"
    federation = settings.federation
    assert (federation.host, federation.port, federation.address) == ("127.0.0.1", 8431, "")
    assert federation.enabled


def test_every_key_of_a_file_is_read(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        """
        [node]
        party = "north"
        name = "Northern flights"
        conflicts = "record"
        database = "data/node.sqlite3"
        keys = "/etc/north"
        [federation]
        enabled = false
        listen = "[::1]:9001"
        address = "north.example:9001"
        [server]
        listen = "[::]:9000"
        tls_certificate = "c.pem"
        tls_key = "k.pem"
        hosts = ["North.example", "::2"]
        [limits]
        page = 7
        [buffer]
        lateral_m = 500
        time_s = 60.5
        [log]
        level = "debug"
        format = "text"
        """,
    )
    assert settings.node.name == "Northern flights"
    assert settings.node.conflicts is ConflictPolicy.RECORD
    assert settings.node.database == tmp_path / "data" / "node.sqlite3"
    assert settings.node.keys == Path("/etc/north")
    federation = settings.federation
    assert (federation.host, federation.port, federation.enabled) == ("::1", 9001, False)
    assert federation.address == "north.example:9001"
    assert (settings.server.host, settings.server.port) == ("::", 9000)
    assert settings.server.tls_key == tmp_path / "k.pem"
    assert settings.server.allowed_hosts == ("127.0.0.1", "::1", "::2", "localhost", "north.example")
    assert settings.limits.page == 7
    assert (settings.buffer.gap.lateral_m, settings.buffer.gap.time_s) == (500.0, 60.5)
    assert settings.log.format is LogFormat.TEXT


def test_a_variable_stands_above_the_file_and_the_file_above_the_default(tmp_path: Path) -> None:
    text = NORTH + "[limits]\npage = 7\nstreams = 8\n"
    settings = loaded(tmp_path, text, KEEPCLEAR_LIMITS_PAGE="9")
    assert (settings.limits.page, settings.limits.streams, settings.limits.tracks) == (9, 8, 20_000)
    origins = {row.key.path: row.origin for row in explained(settings)}
    assert origins["limits.page"] == "KEEPCLEAR_LIMITS_PAGE"
    assert origins["limits.streams"] == str(tmp_path / "keepclear.toml")
    assert origins["limits.tracks"] == DEFAULT_ORIGIN


def test_variables_alone_are_enough(tmp_path: Path) -> None:
    environment = {
        "KEEPCLEAR_NODE_PARTY": "north",
        "KEEPCLEAR_SERVER_HOSTS": "a.example, b.example",
        "KEEPCLEAR_SERVER_ALLOW_PLAINTEXT": "TRUE",
        "KEEPCLEAR_SERVER_LISTEN": "0.0.0.0:0",
        "KEEPCLEAR_SERVER_TLS_KEY": "",
        "KEEPCLEAR_BUFFER_VERTICAL_M": "1e2",
    }
    settings = load_settings(None, environment=environment, folder=tmp_path)
    assert settings.file is None
    assert settings.server.hosts == ("a.example", "b.example")
    assert settings.server.allow_plaintext
    assert settings.server.tls_key is None
    assert settings.buffer.vertical_m == 100.0
    assert settings.node.database == tmp_path / "keepclear.sqlite3"


def test_the_named_file_counts_then_the_variable_then_the_one_in_the_folder(tmp_path: Path) -> None:
    environment = {"KEEPCLEAR_CONFIG": "other.toml"}
    assert find_config(None, {}, tmp_path) is None
    (tmp_path / "keepclear.toml").touch()
    assert find_config(None, {}, tmp_path) == tmp_path / "keepclear.toml"
    assert find_config(None, environment, tmp_path) == tmp_path / "other.toml"
    assert find_config("named.toml", environment, tmp_path) == tmp_path / "named.toml"


def test_paths_are_relative_to_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "node.toml").write_text(NORTH)
    settings = load_settings("etc/node.toml", environment={}, folder=tmp_path)
    assert settings.node.database == tmp_path / "etc" / "keepclear.sqlite3"


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("", "", "the file is empty"),
        ("[node\n", "", "this is not TOML: .*line 1.*"),
        ("[limits]\npage = 1\n", "node.party", 'it is missing; write party = "..." below [node]'),
        ("[nodes]\n", "nodes", "unknown section; did you mean 'node'?"),
        ("node = 3\n", "node", "it is a section; write [node] on a line of its own"),
        ("[server]\nlisen = 1\n", "server.lisen", "unknown key; did you mean 'listen'?"),
        ("[node]\nparty = 3\n", "node.party", "expected text, got 3"),
        ('[node]\nparty = ""\n', "node.party", "it must be 1 to 256 printable characters"),
        ('[node]\nparty = "a\\nb"\n', "node.party", "it must be 1 to 256 printable characters"),
        (NORTH + 'database = ""\n', "node.database", "'' names no file"),
        (
            NORTH + 'conflicts = "refuze"\n',
            "node.conflicts",
            "unknown value 'refuze'; did you mean 'refuse'?",
        ),
        (
            NORTH + '[federation]\nlisten = "8431"\n',
            "federation.listen",
            "'8431' is no address to listen on; write host and port: 127.0.0.1:8421, or [::1]:8421",
        ),
        (
            NORTH + '[federation]\naddress = "north.example"\n',
            "federation.address",
            "it must be host:port (an IPv6 address in brackets), not 'north.example'",
        ),
        (NORTH + "[limits]\npage = 0\n", "limits.page", "0 is not within 1..10,000"),
        (NORTH + "[limits]\npage = true\n", "limits.page", "expected a whole number, got true"),
        (NORTH + "[limits]\npage = 5.0\n", "limits.page", "expected a whole number, got 5.0"),
        (
            NORTH + f"[limits]\npage = 1{'0' * 99}\n",
            "limits.page",
            "a number of many digits is not within 1..10,000",
        ),
        (NORTH + "[buffer]\ntime_s = nan\n", "buffer.time_s", "nan is not within 0..2,678,400"),
        (NORTH + "[buffer]\ntime_s = inf\n", "buffer.time_s", "inf is not within 0..2,678,400"),
        (NORTH + '[buffer]\ntime_s = "1"\n', "buffer.time_s", "expected a number, got '1'"),
        (
            NORTH + "[server]\nallow_plaintext = 1\n",
            "server.allow_plaintext",
            "expected true or false, got 1",
        ),
        (NORTH + '[server]\nhosts = "a"\n', "server.hosts", "expected an array of text, got 'a'"),
        (NORTH + "[server]\nhosts = [1]\n", "server.hosts", "expected an array of text, got 1"),
        (
            NORTH + '[server]\nhosts = ["http://a"]\n',
            "server.hosts",
            "'http://a' is no host; write a name or an address alone, without a scheme or a port",
        ),
        (
            NORTH + '[server]\ntls_key = "k.pem"\n',
            "server.tls_certificate",
            "it is missing, and tls_key is given; TLS needs both",
        ),
    ],
)
def test_what_a_file_cannot_say_is_refused_with_its_place(
    text: str, place: str, reason: str, tmp_path: Path
) -> None:
    error = refused(tmp_path, text)
    file = str(tmp_path / "keepclear.toml")
    assert error.field == (f"{file}: {place}" if place else file)
    assert error.reason == reason or re.fullmatch(reason, error.reason)


def test_a_number_of_thousands_of_digits_is_no_fault_of_ours(tmp_path: Path) -> None:
    assert "this is not TOML" in refused(tmp_path, NORTH + f"[limits]\npage = {'9' * 9_999}\n").reason
    assert "whole number" in refused(tmp_path, KEEPCLEAR_LIMITS_PAGE="9" * 9_999).reason


def test_a_file_that_is_not_there_is_refused_if_it_was_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="there is no such file; write one with `keepclear init`"):
        load_settings("none.toml", environment={"KEEPCLEAR_NODE_PARTY": "north"}, folder=tmp_path)


def test_without_a_file_the_way_out_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"^node\.party: it is missing; write .*`keepclear init`"):
        load_settings(None, environment={}, folder=tmp_path)


@pytest.mark.parametrize("name", [".", "a\0b"])
def test_what_is_no_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"it is a folder|it cannot be read"):
        load_settings(name, environment={}, folder=tmp_path)


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    at_the_limit = NORTH + "#" * (CONFIG_BYTES_MAX - len(NORTH))
    assert loaded(tmp_path, at_the_limit).node.party == "north"
    assert "over the limit of 1,000,000 bytes" in refused(tmp_path, at_the_limit + "#").reason


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        (
            "KEEPCLEAR_SERVER_LISTN",
            "x",
            "unknown variable; did you mean 'KEEPCLEAR_SERVER_LISTEN'?",
        ),
        (
            "KEEPCLEAR_BUFER_LATERAL_M",
            "500",
            "unknown variable; did you mean 'KEEPCLEAR_BUFFER_LATERAL_M'?",
        ),
        (
            "KEEPCLEAR_LOG_X",
            "",
            "unknown variable; known are KEEPCLEAR_LOG_LEVEL, KEEPCLEAR_LOG_FORMAT",
        ),
        ("KEEPCLEAR_LIMITS_PAGE", "many", "expected a whole number, got 'many'"),
        ("KEEPCLEAR_BUFFER_TIME_S", "1 min", "expected a number, got '1 min'"),
        ("KEEPCLEAR_SERVER_ALLOW_PLAINTEXT", "yes", "expected true or false, got 'yes'"),
    ],
)
def test_a_variable_that_cannot_be_is_refused_by_its_name(
    variable: str, value: str, reason: str, tmp_path: Path
) -> None:
    error = refused(tmp_path, **{variable: value})
    assert (error.field, error.reason) == (variable, reason)


@pytest.mark.parametrize("variable", [*sorted(OTHER_VARIABLES - {"KEEPCLEAR_CONFIG"}), "KEEPCLEAR_ELSEWHERE"])
def test_a_variable_of_something_else_is_left_alone(variable: str, tmp_path: Path) -> None:
    assert loaded(tmp_path, **{variable: "anything"}) == loaded(tmp_path)


# -- the server -------------------------------------------------------------------------------------


@pytest.mark.parametrize("listen", ["0.0.0.0:8421", "[::]:8421", "192.0.2.1:8421", "north.example:8421"])
def test_to_listen_where_others_reach_it_needs_tls_or_consent(listen: str) -> None:
    with pytest.raises(InvalidValueError, match="can be reached by others"):
        ServerSettings(listen=listen)
    assert ServerSettings(listen=listen, allow_plaintext=True).port == 8421
    assert ServerSettings(listen=listen, tls_certificate=Path("c"), tls_key=Path("k")).is_tls


@pytest.mark.parametrize("listen", ["localhost:1", "127.0.0.9:65535", "[::1]:0"])
def test_to_listen_on_the_loopback_needs_no_tls(listen: str) -> None:
    assert ServerSettings(listen=listen).host in {"localhost", "127.0.0.9", "::1"}


@pytest.mark.parametrize(
    "listen",
    ["", ":8421", "localhost", "localhost:", "localhost:65536", "::1:8421", "[::g]:1", "[1]:1", "http://a:1"],
)
def test_what_is_no_address_to_listen_on_is_refused(listen: str) -> None:
    with pytest.raises(InvalidValueError, match="is no address to listen on"):
        ServerSettings(listen=listen)


def test_the_address_that_is_listened_on_is_an_allowed_host_unless_it_means_every_one() -> None:
    assert "north.example" in ServerSettings(listen="North.example:1", allow_plaintext=True).allowed_hosts
    assert ServerSettings(listen="0.0.0.0:1", allow_plaintext=True).allowed_hosts == (
        "127.0.0.1",
        "::1",
        "localhost",
    )


# -- showing ----------------------------------------------------------------------------------------


def test_what_is_in_force_is_shown_as_json_and_as_a_table(tmp_path: Path) -> None:
    settings = loaded(tmp_path, KEEPCLEAR_SERVER_HOSTS="a,b")
    fields = json.loads(explained_json(settings))
    assert fields["file"] == str(tmp_path / "keepclear.toml")
    by_key = {row["key"]: row for row in fields["settings"]}
    assert list(by_key) == [key.path for key in keys()]
    assert by_key["server.hosts"] == {
        "key": "server.hosts",
        "value": ["a", "b"],
        "origin": "KEEPCLEAR_SERVER_HOSTS",
        "variable": "KEEPCLEAR_SERVER_HOSTS",
    }
    assert by_key["server.tls_key"]["value"] is None
    table = explained_table(settings).decode().splitlines()
    assert len(table) == len(by_key)
    assert any(re.fullmatch(r'server\.hosts +\["a", "b"\] +KEEPCLEAR_SERVER_HOSTS', line) for line in table)
    assert any(re.fullmatch(r"server\.tls_key +- +default", line) for line in table)


names = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=256).filter(
    str.isprintable
)


@given(names, names)
def test_a_fresh_file_says_party_and_name_whatever_they_are(party: str, name: str) -> None:
    document = tomllib.loads(fresh_config(party=party, name=name))
    assert document["node"] == {"party": party, "name": name}


def test_a_fresh_file_with_every_comment_taken_away_says_the_defaults(tmp_path: Path) -> None:
    text = fresh_config(party="north", name="North")
    bare = re.sub(r"^#(?=\w)", "", text, flags=re.MULTILINE)
    settings = loaded(tmp_path, bare)
    tls = {"tls_certificate": None, "tls_key": None}
    assert dataclasses.replace(settings.server, **tls) == ServerSettings()
    plain = loaded(tmp_path, text)
    for section in ("node", "limits", "buffer", "log"):
        assert getattr(settings, section) == getattr(plain, section)
    assert settings.origins.keys() == {key.path for key in keys()}


def test_a_fresh_file_for_what_is_no_party_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="printable"):
        fresh_config(party="a\nb", name="North")
    with pytest.raises(InvalidValueError, match="printable"):
        NodeSettings(party="n" * 257, name="North")


# -- the reference ----------------------------------------------------------------------------------


def rows() -> dict[str, list[str]]:
    """Return the cells of each row of the reference by the key that it explains."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")
    ]
    return {row[0].strip("`"): row for row in cells if re.fullmatch(r"`\w+\.\w+`", row[0])}


def test_the_reference_explains_every_key_and_no_other() -> None:
    assert list(rows()) == [key.path for key in keys()]


def type_told(key: Key) -> str:
    if key.words:
        return " or ".join(f"`{word}`" for word in key.words)
    plain: dict[Any, str] = {str: "text", bool: "true or false", tuple[str, ...]: "array of text"}
    if key.kind in {int, float}:
        said = "whole number" if key.kind is int else "number"
        return f"{said}, {key.least:,.0f} to {key.greatest:,.0f}"
    return plain.get(key.kind, "path")


@pytest.mark.parametrize("key", keys(), ids=lambda key: key.path)
def test_the_reference_tells_type_default_variable_and_meaning(key: Key) -> None:
    _, kind, default, variable, meaning = rows()[key.path]
    assert kind == type_told(key)
    in_words = {
        "node.party": "none: it is needed",
        "node.name": "the party",
        "server.listen": f"the loopback address, port {ServerSettings().port}",
    }
    literal = default_literal(key)
    assert default == in_words.get(key.path, "none" if literal is None else f"`{literal}`")
    assert variable == f"`{key.variable}`"
    assert meaning.startswith(key.meaning)


def test_the_reference_names_every_other_variable() -> None:
    named = set(re.findall(r"`(KEEPCLEAR_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert named == OTHER_VARIABLES | {key.variable for key in keys()}
