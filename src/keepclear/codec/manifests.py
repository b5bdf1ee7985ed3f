"""The manifest of a report of an incident: which files belong to it, and who says so.

The manifest is JSON with one spelling. What the party's node key signs is the manifest itself, as a compact
JWS that stands beside it, so that a file can neither be changed nor added nor left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from keepclear.codec.json_errors import decode_json
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX

REPORT_TYPE: Final = "keepclear-report"
"""The type of the JWS of a manifest."""
REPORT_FORMAT: Final = "keepclear-report/1"
FILES_MAX: Final = 128
"""So many files a report has at most."""
MANIFEST_BYTES_MAX: Final = 100_000
"""No manifest is longer."""

EVIDENCE: Final = "evidence.json"
FINDINGS: Final = "findings.json"
PAGE: Final = "report.html"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.jws"
VERIFIER: Final = "proofs/verify_export.py"
FILE_NAME: Final = re.compile(
    r"report\.html|evidence\.json|findings\.json|proofs/verify_export\.py|proofs/[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.json"
)
"""What a file of a report may be called; nothing else is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Which files belong to a report.

    Attributes:
        by: The party whose report it is.
        at_ms: When it was made, milliseconds since 1970.
        version: The version of Keepclear that made it.
        digests: The SHA-256 of each file, 64 hexadecimal digits, by its name.
    """

    by: str
    at_ms: int
    version: str
    digests: Mapping[str, str]


class _File(Struct, forbid_unknown_fields=True):
    name: str
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class _Manifest(Struct, forbid_unknown_fields=True):
    format: Literal["keepclear-report/1"]
    by: Annotated[str, Meta(min_length=1, max_length=ID_CHARACTERS_MAX)]
    at_ms: int
    version: Annotated[str, Meta(max_length=64)]
    files: Annotated[list[_File], Meta(max_length=FILES_MAX)]


def digests_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 of files by their names, sorted."""
    return {name: sha256(files[name]).hexdigest() for name in sorted(files)}


def encode_manifest(manifest: Manifest) -> bytes:
    """Write a manifest, a field on each line."""
    told = _Manifest(
        format=REPORT_FORMAT,
        by=manifest.by,
        at_ms=manifest.at_ms,
        version=manifest.version,
        files=[_File(name, digest) for name, digest in sorted(manifest.digests.items())],
    )
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def decode_manifest(data: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        InvalidValueError: It is none, or spelt otherwise than `encode_manifest` spells it.
    """
    if len(data) > MANIFEST_BYTES_MAX:
        raise InvalidValueError("", f"it is over the limit of {MANIFEST_BYTES_MAX:,} bytes")
    try:
        told: _Manifest = decode_json(data, _Manifest)
    except msgspec.ValidationError as error:
        raise InvalidValueError("", f"this is no manifest of a report: {error}") from None
    for file in told.files:
        if not FILE_NAME.fullmatch(file.name):
            raise InvalidValueError("files", f"{file.name[:80]!r} is no file of a report")
    manifest = Manifest(
        by=told.by,
        at_ms=told.at_ms,
        version=told.version,
        digests={file.name: file.sha256 for file in told.files},
    )
    if encode_manifest(manifest) != data:
        raise InvalidValueError("", "it is not spelt as manifests are: each file once, sorted by name")
    return manifest
