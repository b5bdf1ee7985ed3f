"""The files of a report: only known names, no way out, no links, no bombs."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from keepclear.adapters import incident_files
from keepclear.adapters.incident_files import read_report, write_report
from keepclear.core.errors import InvalidValueError

FILES = {
    "evidence.json": b"{}",
    "findings.json": b"[]",
    "manifest.json": b"{}\n",
    "manifest.jws": b"a.b.c",
    "proofs/alpha.json": b"{}",
    "report.html": b"<!DOCTYPE html>" * 100,
}


def refusal(path: Path) -> str:
    with pytest.raises(InvalidValueError) as caught:
        read_report(path)
    return str(caught.value)


@pytest.mark.parametrize("name", ["incident", "incident.zip"])
def test_what_is_written_is_read_again_and_nothing_is_written_over(tmp_path: Path, name: str) -> None:
    write_report(tmp_path / name, FILES)
    assert read_report(tmp_path / name).files == FILES
    with pytest.raises(InvalidValueError, match="never written over"):
        write_report(tmp_path / name, FILES)


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    write_report(tmp_path / "a.zip", FILES)
    write_report(tmp_path / "b.zip", FILES)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_what_else_lies_in_a_folder_is_told_and_not_read(tmp_path: Path) -> None:
    write_report(tmp_path / "incident", FILES)
    (tmp_path / "incident" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "incident" / "proofs" / "..json").write_bytes(b"x")
    found = read_report(tmp_path / "incident")
    assert found.files == FILES
    assert found.others == (".DS_Store", "proofs/..json")


def test_a_link_in_a_folder_is_not_followed(tmp_path: Path) -> None:
    write_report(tmp_path / "incident", FILES)
    secret = tmp_path / "secret"
    secret.write_text("not yours")
    (tmp_path / "incident" / "findings.json").unlink()
    (tmp_path / "incident" / "findings.json").symlink_to(secret)
    assert "findings.json: it is a link" in refusal(tmp_path / "incident")


def test_a_pipe_in_a_folder_does_not_hang(tmp_path: Path) -> None:
    write_report(tmp_path / "incident", {name: data for name, data in FILES.items() if name != "report.html"})
    os.mkfifo(tmp_path / "incident" / "report.html")
    assert "no plain file" in refusal(tmp_path / "incident")


def test_a_file_over_its_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(incident_files._LIMITS, "report.html", 100)
    write_report(tmp_path / "incident", FILES)
    write_report(tmp_path / "incident.zip", FILES)
    assert "report.html: it is over the limit of 100 bytes" in refusal(tmp_path / "incident")
    assert "report.html: it is over the limit of 100 bytes" in refusal(tmp_path / "incident.zip")


def archive(path: Path, members: Sequence[tuple[zipfile.ZipInfo | str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for info, data in members:
            made.writestr(info, data)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../evidence.json",
        "/etc/passwd",
        "C:\\evidence.json",
        "proofs/../../evidence.json",
        "proofs/../evidence.json",
        "proofs\\alpha.json",
        "proofs//alpha.json",
        "evidence.json/",
        "proofs/.json",
        "nested/evidence.json",
        "proofs/" + "a" * 100 + ".json",
    ],
)
def test_a_name_that_is_no_file_of_a_report_is_refused(tmp_path: Path, name: str) -> None:
    assert "no file of a report" in refusal(archive(tmp_path / "x.zip", [(name, b"x")]))
    assert [each.name for each in tmp_path.iterdir()] == ["x.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    twice = [("evidence.json", b"1"), ("evidence.json", b"2")]
    assert "it holds twice: 'evidence.json'" in refusal(archive(tmp_path / "x.zip", twice))


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("evidence.json")
    link.external_attr = 0o120777 << 16
    assert "it is a link" in refusal(archive(tmp_path / "x.zip", [(link, b"/etc/passwd")]))


def test_an_archive_that_unpacks_to_too_much_is_refused_whatever_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incident_files, "REPORT_BYTES_MAX", 50_000)
    path = archive(tmp_path / "x.zip", [("proofs/a.json", b"0" * 40_000), ("proofs/b.json", b"0" * 20_000)])
    assert path.stat().st_size < 1_000
    assert "over the limit of 10,000 bytes" in refusal(path)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)  # it says that it is small
    path.write_bytes(data)
    assert "damaged" in refusal(path) or "limit" in refusal(path)


def test_an_archive_with_more_files_than_a_report_has_is_refused_before_they_are_listed(
    tmp_path: Path,
) -> None:
    many = archive(tmp_path / "many.zip", [(f"proofs/{k}.json", b"") for k in range(200)])
    assert "over 128 files" in refusal(many)
    more = archive(tmp_path / "more.zip", [(f"proofs/{'x' * 50}{k}.json", b"") for k in range(1_000)])
    assert "lists more files than a report has" in refusal(more)


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.zip", [("evidence.json", b"x")])
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert "encrypted" in refusal(path)


@pytest.mark.slow
def test_damage_anywhere_in_an_archive_is_refused_or_changes_a_file(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("evidence.json", b'{"a":1}' * 20)
    data = buffer.getvalue()
    path = tmp_path / "x.zip"
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            read_report(path)
        except InvalidValueError:
            continue


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", b"PK\x05\x06" + b"\0" * 17])
def test_what_is_no_report_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    assert "neither a folder nor a ZIP archive of a report" in refusal(path)
    assert "no such folder or file" in refusal(tmp_path / "none")
