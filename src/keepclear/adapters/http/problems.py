"""What is raised, as an answer: a status, and a reason that tells the field and the way out (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from keepclear.adapters.desk import DeskBusyError, DeskClosedError
from keepclear.adapters.http import wire
from keepclear.adapters.http.bodies import breach_bodies, record_body
from keepclear.adapters.http.stream import TooManyListenersError
from keepclear.adapters.store.access import SignInError, TokensFullError, UnknownTokenError
from keepclear.adapters.watching.thread import WatchStoppedError
from keepclear.codec.reading import Problem
from keepclear.codec.results import finding_fields
from keepclear.core.alerts import UnknownAlertError
from keepclear.core.errors import InvalidValueError, KeepclearError, UnknownItemError
from keepclear.node.access import NotAllowedError
from keepclear.node.outcomes import (
    ConflictRefusedError,
    ExistsError,
    NotFoundError,
    NotOwnerError,
    RefusedError,
    StateRefusedError,
    StoreError,
    VersionMismatchError,
)
from keepclear.node.prove import NotSignedError, SilencedError
from keepclear.node.watch import NotWatchedError

MEDIA_TYPE = "application/problem+json"


class HttpProblemError(KeepclearError):
    """A request that is refused by the rules of HTTP.

    Attributes:
        status: The status.
        headers: What the answer must carry.
    """

    def __init__(self, status: HTTPStatus, detail: str, **headers: str) -> None:
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(detail)


class InputProblemsError(KeepclearError):
    """An item that cannot be used, with everything that is wrong with it.

    Attributes:
        problems: What is wrong.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{p.field}: {p.reason}" if p.field else p.reason for p in problems[:3]))


STATUS_OF: dict[type[KeepclearError], HTTPStatus] = {
    InvalidValueError: HTTPStatus.BAD_REQUEST,
    InputProblemsError: HTTPStatus.BAD_REQUEST,
    SignInError: HTTPStatus.UNAUTHORIZED,
    NotAllowedError: HTTPStatus.FORBIDDEN,
    NotOwnerError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    UnknownItemError: HTTPStatus.NOT_FOUND,
    UnknownTokenError: HTTPStatus.NOT_FOUND,
    NotSignedError: HTTPStatus.FORBIDDEN,
    RefusedError: HTTPStatus.CONFLICT,
    SilencedError: HTTPStatus.CONFLICT,
    ConflictRefusedError: HTTPStatus.CONFLICT,
    StateRefusedError: HTTPStatus.CONFLICT,
    TokensFullError: HTTPStatus.CONFLICT,
    ExistsError: HTTPStatus.PRECONDITION_FAILED,
    VersionMismatchError: HTTPStatus.PRECONDITION_FAILED,
    DeskBusyError: HTTPStatus.SERVICE_UNAVAILABLE,
    DeskClosedError: HTTPStatus.SERVICE_UNAVAILABLE,
    NotWatchedError: HTTPStatus.NOT_FOUND,
    UnknownAlertError: HTTPStatus.NOT_FOUND,
    WatchStoppedError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
    TooManyListenersError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def problem_of(error: KeepclearError) -> tuple[HTTPStatus, wire.ProblemDetails, dict[str, str]]:
    """Return the answer to what was raised: the status, the body and further headers."""
    headers: dict[str, str] = {}
    if isinstance(error, HttpProblemError):
        status, headers = error.status, error.headers
    else:
        status = STATUS_OF[type(error)]
    body = wire.ProblemDetails(title=status.phrase, status=status, detail=str(error))
    match error:
        case InvalidValueError():
            body.problems = [wire.Problem(field=error.field, reason=error.reason)]
        case InputProblemsError():
            body.problems = [wire.Problem(field=p.field, reason=p.reason) for p in error.problems]
        case ConflictRefusedError():
            fields = [finding_fields(finding) for finding in error.findings]
            body.findings = msgspec.convert(fields, list[wire.Finding])
            if error.breaches:
                body.breaches = breach_bodies(error.breaches)
        case ExistsError() | VersionMismatchError():
            body.record = record_body(error.record)
    if status is HTTPStatus.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer", **headers}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": "1", **headers}
    return status, body, headers
