"""What is beside the standards: the endpoints that InterUSS's tools ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import Struct

from keepclear.adapters.http.dss.endpoints import DssCall, DssEndpoint, Told
from keepclear.codec.f3548.dss_answers import DssWriter
from keepclear.codec.properties import instant_of_text
from keepclear.core.errors import InvalidValueError
from keepclear.core.times import rfc3339
from keepclear.node.dss.refusals import ScopeError
from keepclear.node.dss.work import Work
from keepclear.version import VERSION

_HEARTBEATS: Final = "heartbeat"
_POOL_READ: Final = ("interuss.pool_status.read",)
_SOURCE_CHARACTERS_MAX: Final = 256
_VERSION: Final = f"keepclear-{VERSION}"


class VersionAnswer(Struct):
    """The version of the service."""

    version: str


class SystemVersion(Struct):
    """The version of a system (InterUSS versioning API)."""

    system_identity: str
    system_version: str


class Nothing(Struct):
    """Nothing more than that it is so."""


class Pool(Struct):
    """What the instances share."""

    dar_id: str


class Heartbeat(Struct, omit_defaults=True):
    """The last sign of an instance."""

    timestamp: str
    source: str
    reporter: str = ""
    index: int = 0
    next_heartbeat_expected_before: str | None = None


class Instance(Struct):
    """One instance of the pool."""

    id: str
    public_endpoint: str
    most_recent_heartbeat: Heartbeat


class Instances(Struct):
    """The instances of the pool."""

    dss_instances: list[Instance]


class Certificates(Struct):
    """Certificates of authorities that sign those of the instances."""

    CAs: list[str]


class _Kept(Struct):
    """A heartbeat as the store has it."""

    endpoint: str
    heartbeat: Heartbeat


@dataclass(frozen=True, slots=True, kw_only=True)
class AuxiliaryEndpoints:
    """See the module.

    Attributes:
        dar_id: How the database that the instances share is called.
        instance: How this instance is called.
        endpoint: Where it is reached.
    """

    dar_id: str
    instance: str
    endpoint: str

    def endpoints(self) -> Sequence[DssEndpoint]:
        """Return all of them."""
        return [
            DssEndpoint(
                method="GET",
                path="/aux/v1/version",
                summary="Tell the version of the service",
                scopes=(),
                read=lambda _: lambda _work, _writer: VersionAnswer(version=_VERSION),
                answer=VersionAnswer,
            ),
            DssEndpoint(
                method="GET",
                path="/aux/v1/validate_oauth",
                summary="Tell whether a token is good, and names an owner",
                scopes=(),
                read=_validate,
                answer=Nothing,
            ),
            DssEndpoint(
                method="GET",
                path="/aux/v1/pool",
                summary="Tell what the instances share",
                scopes=_POOL_READ,
                read=lambda _: lambda _work, _writer: Pool(dar_id=self.dar_id),
                answer=Pool,
            ),
            DssEndpoint(
                method="GET",
                path="/aux/v1/pool/dss_instances",
                summary="Tell the instances of the pool",
                scopes=_POOL_READ,
                read=lambda _: _instances,
                answer=Instances,
            ),
            DssEndpoint(
                method="PUT",
                path="/aux/v1/pool/dss_instances/heartbeat",
                summary="Keep a sign of this instance",
                scopes=("interuss.pool_status.heartbeat.write",),
                read=self._heartbeat,
                answer=Instances,
                status=HTTPStatus.CREATED,
            ),
            *[
                DssEndpoint(
                    method="GET",
                    path=f"/aux/v1/configuration/{name}",
                    summary="Tell certificates of the pool: none, for instances do not speak to each other",
                    scopes=_POOL_READ,
                    read=lambda _: lambda _work, _writer: Certificates(CAs=[]),
                    answer=Certificates,
                )
                for name in ("accepted_ca_certs", "ca_certs")
            ],
            DssEndpoint(
                method="GET",
                path="/versions/{system_identity}",
                summary="Tell the version of a system",
                scopes=("interuss.versioning.read_system_versions",),
                read=_system_version,
                answer=SystemVersion,
            ),
        ]

    def _heartbeat(self, call: DssCall) -> Told:
        source = call.query.get("source", "")
        if not 0 < len(source) <= _SOURCE_CHARACTERS_MAX:
            raise InvalidValueError("source", f"it must be 1 to {_SOURCE_CHARACTERS_MAX} characters")
        at, expected = _instant(call, "timestamp"), _instant(call, "next_heartbeat_expected_before")

        def told(work: Work, writer: DssWriter) -> Instances:
            old = work.transaction.note(_HEARTBEATS, self.instance)
            index = 0 if old is None else msgspec.json.decode(old[0], type=_Kept).heartbeat.index + 1
            heartbeat = Heartbeat(
                timestamp=rfc3339(at or work.now),
                source=source,
                reporter=work.caller.subject,
                index=index,
                next_heartbeat_expected_before=None if expected is None else rfc3339(expected),
            )
            kept = msgspec.json.encode(_Kept(self.endpoint, heartbeat)).decode()
            work.transaction.put_note(_HEARTBEATS, self.instance, kept, work.now)
            return _instances(work, writer)

        return told


def _instances(work: Work, _: DssWriter) -> Instances:
    found = []
    for name, text, _at in work.transaction.notes(_HEARTBEATS):
        kept = msgspec.json.decode(text, type=_Kept)
        found.append(Instance(name, kept.endpoint, kept.heartbeat))
    return Instances(dss_instances=found)


def _instant(call: DssCall, name: str) -> datetime | None:
    text = call.query.get(name)
    if text is None:
        return None
    try:
        return instant_of_text(text)
    except InvalidValueError as error:
        raise error.within(name) from None


def _validate(call: DssCall) -> Told:
    owner = call.query.get("owner")
    if owner is not None and owner != call.caller.subject:
        raise ScopeError(f"the token names {call.caller.subject!r}, not {owner[:100]!r}")
    return lambda _work, _writer: Nothing()


def _system_version(call: DssCall) -> Told:
    identity = call.path["system_identity"]
    return lambda _work, _writer: SystemVersion(system_identity=identity, system_version=_VERSION)
