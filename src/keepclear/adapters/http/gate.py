"""The gate: which hosts are served, who asks, and how much may be sent.

Programs send a token. Browsers send a cookie, and with every change the token of their session
against forged requests, from a page of this very node. A token is never taken from a URL.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from keepclear.adapters.http.problems import HttpProblemError
from keepclear.adapters.loopback import is_loopback
from keepclear.adapters.store.access import Access, Session
from keepclear.core.errors import KeepclearError
from keepclear.node.access import Grant

COOKIE: Final = "keepclear_session"
"""How the cookie of a session is called, before the port."""
CSRF_HEADER: Final = "X-CSRF-Token"
ANONYMOUS_BODY_BYTES_MAX: Final = 4_096
"""No body of somebody who is not known yet is larger: a token is short."""
_SAFE: Final = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """See the module.

    Attributes:
        access: Who may do what.
        hosts: Names that the node is called by, in lower case, besides those of loopback.
        body_bytes_max: The most bytes of a body.
        is_tls: Whether the node is reached by TLS.
    """

    access: Access
    hosts: frozenset[str]
    body_bytes_max: int
    is_tls: bool

    def check_host(self, request: Request) -> None:
        """Refuse a request that names a host that is not ours: a page elsewhere may have made it.

        Raises:
            HttpProblemError: 421.
        """
        name = _host_of(request.headers.get("host", ""))
        if name is None or not (is_loopback(name) or name in self.hosts):
            detail = (
                f"this node is not called {name or 'that'!r}; add the name to server.hosts if it should be"
            )
            raise HttpProblemError(HTTPStatus.MISDIRECTED_REQUEST, detail)

    def admitted(self, request: Request, *, needs_token: bool) -> Grant | None:
        """Tell who asks.

        Returns:
            What was granted; None where nothing is needed.

        Raises:
            HttpProblemError: The host is not ours, or the request may be forged.
            SignInError: The token or the session is not good.
        """
        self.check_host(request)
        if not needs_token:
            return None
        token = bearer_of(request)
        if token is not None:
            return self.access.grant_of(token)
        cookie = request.cookies.get(cookie_of(request))
        if cookie is None:
            detail = "sign in, or send a token: Authorization: Bearer kc_..."
            raise HttpProblemError(HTTPStatus.UNAUTHORIZED, detail, WWW_Authenticate="Bearer")
        session = self.access.session_of(cookie)
        if request.method not in _SAFE:
            self.check_origin(request)
            self._check_csrf(request, session)
        return session.grant

    def still_admits(self, request: Request) -> bool:
        """Tell whether who was let in would be let in again: a token may have been revoked since."""
        try:
            self.admitted(request, needs_token=True)
        except KeepclearError:
            return False
        return True

    def check_origin(self, request: Request) -> None:
        """Refuse what a page of another origin sends.

        Raises:
            HttpProblemError: 403.
        """
        origin = request.headers.get("origin")
        if origin is None:
            return
        host = request.headers.get("host", "")
        # Without TLS of its own, a node may stand behind a proxy that does it: its pages are https then.
        ours = {f"https://{host}"} if self.is_tls else {f"https://{host}", f"http://{host}"}
        if origin not in ours:
            detail = f"the request comes from a page of {origin!r}, which is not this node"
            raise HttpProblemError(HTTPStatus.FORBIDDEN, detail)

    def is_encrypted(self, request: Request) -> bool:
        """Tell whether a browser reaches the node by TLS, of the node or of a proxy before it.

        Assumes:
            The origin was checked: a page tells its own.
        """
        return self.is_tls or request.headers.get("origin", "").startswith("https://")

    def _check_csrf(self, request: Request, session: Session) -> None:
        given = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(given.encode(), session.csrf.encode()):
            detail = f"a change needs the header {CSRF_HEADER} with what GET /v1/session tells as csrf"
            raise HttpProblemError(HTTPStatus.FORBIDDEN, detail)

    async def body(
        self, request: Request, *, is_anonymous: bool = False, bytes_max: int | None = None
    ) -> bytes:
        """Return the body.

        Args:
            request: The request.
            is_anonymous: Whether nobody knows who sends it.
            bytes_max: The most bytes of it, where the limit of the node is not meant for it.

        Raises:
            HttpProblemError: 413: it is over the limit.
        """
        limit, told = self.body_bytes_max, " (limits.body_bytes)"
        if bytes_max is not None:
            limit, told = bytes_max, " for this"
        if is_anonymous:
            limit, told = min(limit, ANONYMOUS_BODY_BYTES_MAX), " for who is not signed in"
        detail = f"the body is over this node's limit of {limit:,} bytes{told}"
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and (len(length) > 18 or int(length) > limit):
            raise HttpProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        parts, size = [], 0
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > limit:
                raise HttpProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        return b"".join(parts)


def bearer_of(request: Request) -> str | None:
    """Return the token that a request carries; None where it carries none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def cookie_of(request: Request) -> str:
    """Return how the cookie of a session is called: browsers give it to every port of a host.

    So the port that is asked is in its name, and nodes on one machine do not end each other's sessions.
    """
    try:
        port = urlsplit(f"//{request.headers.get('host', '')}").port
    except ValueError:
        port = None  # what is no port is not asked by a browser
    return COOKIE if port is None else f"{COOKIE}_{port}"


def _host_of(text: str) -> str | None:
    """Return the name in a Host header, without port and brackets; None where it is none."""
    try:
        return urlsplit(f"//{text}").hostname
    except ValueError:
        return None
