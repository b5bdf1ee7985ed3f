"""The token of client commands: found where it was put, kept from others, and never told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keepclear.adapters.token_file import TOKEN_CHARACTERS_MAX, find_token, read_token, write_token
from keepclear.core.errors import InvalidValueError

needs_modes = pytest.mark.skipif(os.name != "posix", reason="file modes mean this on POSIX only")


def put(file: Path, text: str = "kc_a\n", mode: int = 0o600) -> Path:
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def test_a_token_that_was_written_is_read_again(tmp_path: Path) -> None:
    write_token(tmp_path / "t", "kc_secret")
    assert read_token(tmp_path / "t") == "kc_secret"


@needs_modes
def test_a_written_token_is_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_token(tmp_path / "t", "kc_secret")
    finally:
        os.umask(before)
    assert (tmp_path / "t").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    file = put(tmp_path / "t")
    with pytest.raises(InvalidValueError, match="it exists already"):
        write_token(file, "kc_b")
    assert read_token(file) == "kc_a"


def test_a_token_is_not_written_where_it_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="it cannot be written"):
        write_token(tmp_path / "no folder" / "t", "kc_b")


@needs_modes
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_can_get_at_is_refused(mode: int, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidValueError, match=rf"others can read it \(mode {mode:04o}\); chmod 600"
    ) as caught:
        read_token(put(tmp_path / "t", mode=mode))
    assert "kc_a" not in str(caught.value)


@needs_modes
def test_a_link_counts_as_what_it_leads_to(tmp_path: Path) -> None:
    put(tmp_path / "open", mode=0o644)
    (tmp_path / "t").symlink_to(tmp_path / "open")
    with pytest.raises(InvalidValueError, match="others can read it"):
        read_token(tmp_path / "t")


def test_the_variable_counts_then_the_file_that_is_named_then_the_usual_one(tmp_path: Path) -> None:
    put(tmp_path / "keepclear.token", "kc_usual")
    put(tmp_path / "named", "kc_named")
    put(tmp_path / "option", "kc_option")
    file = {"KEEPCLEAR_TOKEN_FILE": "named"}
    assert find_token(None, environment={}, folder=tmp_path) == "kc_usual"
    assert find_token(None, environment=file, folder=tmp_path) == "kc_named"
    assert find_token("option", environment=file, folder=tmp_path) == "kc_option"
    assert find_token(None, environment={**file, "KEEPCLEAR_TOKEN": "kc_v"}, folder=tmp_path) == "kc_v"


def test_a_variable_and_a_named_file_are_refused_since_each_may_be_another_person(tmp_path: Path) -> None:
    put(tmp_path / "option", "kc_option")
    with pytest.raises(InvalidValueError, match="KEEPCLEAR_TOKEN: it is set, and a file is named") as caught:
        find_token("option", environment={"KEEPCLEAR_TOKEN": "kc_v"}, folder=tmp_path)
    assert "kc_" not in str(caught.value)


def test_where_there_is_none_the_ways_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"there is none; set KEEPCLEAR_TOKEN or .*keepclear\.token"):
        find_token(None, environment={"KEEPCLEAR_TOKEN": ""}, folder=tmp_path)


@pytest.mark.parametrize("name", ["none", ".", "a\0b"])
def test_what_cannot_be_read_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"there is no such file|it cannot be read"):
        find_token(name, environment={}, folder=tmp_path)


@pytest.mark.parametrize("text", ["", " \n", "kc_a kc_b", "kc_a\nkc_b", "kc_é", "kc_\x7f"])
def test_what_is_no_token_is_refused_and_not_shown(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"it holds (no token|something else)") as caught:
        read_token(put(tmp_path / "t", text))
    assert "kc_" not in caught.value.reason
    with pytest.raises(InvalidValueError, match="it holds"):
        write_token(tmp_path / "other", text)
    assert not (tmp_path / "other").exists()


def test_a_token_at_the_limit_is_taken_and_a_longer_one_is_not(tmp_path: Path) -> None:
    longest = "k" * TOKEN_CHARACTERS_MAX
    assert read_token(put(tmp_path / "a", longest + "\r\n")) == longest
    with pytest.raises(InvalidValueError, match="something else"):
        read_token(put(tmp_path / "b", longest + "k"))
