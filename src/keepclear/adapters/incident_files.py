"""The files of a report of an incident: a folder or a ZIP archive, of which nothing is believed.

Only files of known names are read, whatever else lies there: no path leads out of a report, and no link is
followed. Sizes are bounded before anything is made of them, as they are told and as they come.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from keepclear.adapters.files import write_bytes
from keepclear.codec.incident_findings import FINDINGS_BYTES_MAX
from keepclear.codec.incidents import EVIDENCE_BYTES_MAX
from keepclear.codec.manifests import (
    EVIDENCE,
    FILE_NAME,
    FILES_MAX,
    FINDINGS,
    MANIFEST,
    MANIFEST_BYTES_MAX,
    PAGE,
    SIGNATURE,
    VERIFIER,
)
from keepclear.core.errors import InvalidValueError

REPORT_BYTES_MAX: Final = 600_000_000
"""All files of a report together are not longer, nor is an archive of them."""
PAGE_BYTES_MAX: Final = 50_000_000
"""The page of a report is not longer."""
PROOF_BYTES_MAX: Final = 500_000_000
"""No export of a log in a report is longer."""
_DIRECTORY_BYTES_MAX: Final = 100_000
_ARCHIVE_FAULTS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the same files make the same archive
_END: Final = b"PK\x05\x06"
_END_64: Final = b"PK\x06\x07"
_END_BYTES: Final = 22
_COMMENT_BYTES_MAX: Final = 65_535
_LIMITS: Final = {
    EVIDENCE: EVIDENCE_BYTES_MAX,
    FINDINGS: FINDINGS_BYTES_MAX,
    PAGE: PAGE_BYTES_MAX,
    MANIFEST: MANIFEST_BYTES_MAX,
    SIGNATURE: 2 * MANIFEST_BYTES_MAX,
    VERIFIER: 1_000_000,
}


class ReportFiles(NamedTuple):
    """The files of a report.

    Attributes:
        files: What they hold, by their names, with strokes as in `proofs/alpha.json`.
        others: What else lies there, and was not read, sorted.
    """

    files: Mapping[str, bytes]
    others: tuple[str, ...]


def write_report(path: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a report into a new folder, or an archive if the name ends in `.zip`.

    Raises:
        InvalidValueError: Something is there already, or it cannot be written.
    """
    if path.suffix.lower() == ".zip":
        if path.exists():
            raise InvalidValueError(str(path), "it exists already; a report is never written over")
        write_bytes(str(path), _archive(files))
        return
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InvalidValueError(str(path), "it exists already; a report is never written over")
        path.mkdir(parents=True, exist_ok=True)
        for name in sorted(files):
            (path / name).parent.mkdir(exist_ok=True)
            (path / name).write_bytes(files[name])
    except OSError as error:
        raise InvalidValueError(str(path), f"it cannot be written: {error.strerror or error}") from None


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, files[name])
    return buffer.getvalue()


def read_report(path: Path) -> ReportFiles:
    """Read the files of a report.

    Raises:
        InvalidValueError: There is no report, or it holds what no report does.
    """
    try:
        return _of_folder(path) if path.is_dir() else _of_archive(path)
    except FileNotFoundError:
        raise InvalidValueError(str(path), "there is no such folder or file") from None
    except OSError as error:
        raise InvalidValueError(str(path), f"it cannot be read: {error.strerror or error}") from None
    except InvalidValueError as error:
        raise error.within(str(path)) if error.field else InvalidValueError(str(path), error.reason) from None


def _is_known(name: str) -> bool:
    return name in {MANIFEST, SIGNATURE} or FILE_NAME.fullmatch(name) is not None


def _limit(name: str, total: int) -> int:
    return min(_LIMITS.get(name, PROOF_BYTES_MAX), REPORT_BYTES_MAX - total)


# -- folders ----------------------------------------------------------------------------------------


def _of_folder(path: Path) -> ReportFiles:
    files: dict[str, bytes] = {}
    others: list[str] = []
    total = 0
    for name in _names(path):
        if not _is_known(name):
            others.append(name)
            continue
        data = _read_plain(path / name, _limit(name, total))
        files[name] = data
        total += len(data)
    return ReportFiles(files, tuple(others))


def _names(path: Path) -> Iterator[str]:
    """Yield what lies in a folder of a report, and in its proofs, sorted; links are told and not followed."""
    count = 0
    for entry in sorted(os.scandir(path), key=lambda each: each.name):
        if entry.name == "proofs" and entry.is_dir(follow_symlinks=False):
            inner = sorted(each.name for each in os.scandir(entry.path))
        else:
            inner = []
            yield entry.name
        for name in inner:
            count += 1
            if count > FILES_MAX:
                raise InvalidValueError("proofs", f"there are over {FILES_MAX} files in it")
            yield f"proofs/{name}"


def _read_plain(file: Path, most: int) -> bytes:
    """Read a file that is no link, no device and no pipe."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    if file.is_symlink():
        raise InvalidValueError(file.name, "it is a link; a report holds files only")
    handle = os.open(file, flags)
    with os.fdopen(handle, "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise InvalidValueError(file.name, "it is no plain file")
        data = opened.read(most + 1)
    if len(data) > most:
        raise InvalidValueError(file.name, f"it is over the limit of {most:,} bytes")
    return data


# -- archives ---------------------------------------------------------------------------------------


def _of_archive(path: Path) -> ReportFiles:
    data = _read_plain(path, REPORT_BYTES_MAX)
    _check_directory(data)
    files: dict[str, bytes] = {}
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [each for each in archive.infolist() if each.filename != "proofs/"]
            if len(members) > FILES_MAX:
                raise InvalidValueError("", f"there are over {FILES_MAX} files in it")
            for member in members:
                name = member.filename
                if not _is_known(name) or name in files:
                    what = "twice" if name in files else "what is no file of a report"
                    raise InvalidValueError("", f"it holds {what}: {name[:80]!r}")
                files[name] = _unpacked(archive, member, _limit(name, total))
                total += len(files[name])
    except _ARCHIVE_FAULTS as error:
        raise InvalidValueError("", f"this archive is damaged, or none: {error}") from None
    return ReportFiles(files, ())


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
    is_link = stat.S_ISLNK(member.external_attr >> 16)
    if (
        is_link
        or member.flag_bits & 1
        or member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
    ):
        raise InvalidValueError(member.filename, "it is a link, encrypted, or packed in another way")
    with archive.open(member) as opened:
        data = opened.read(most + 1)
    if len(data) > most:
        raise InvalidValueError(member.filename, f"it is over the limit of {most:,} bytes")
    return data


def _check_directory(data: bytes) -> None:
    """Refuse an archive whose list of files is longer than that of any report, before it is read."""
    at = data.rfind(_END, max(0, len(data) - _END_BYTES - _COMMENT_BYTES_MAX))
    if at < 0 or len(data) < at + _END_BYTES:
        raise InvalidValueError("", "this is neither a folder nor a ZIP archive of a report")
    size = int.from_bytes(data[at + 12 : at + 16], "little")
    if size > _DIRECTORY_BYTES_MAX or data[max(0, at - 20) : at].startswith(_END_64):
        raise InvalidValueError("", "this archive lists more files than a report has")
