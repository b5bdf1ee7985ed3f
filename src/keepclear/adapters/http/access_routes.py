"""Signing in and out, and tokens."""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus

from starlette.responses import Response

from keepclear.adapters.http import wire
from keepclear.adapters.http.bodies import (
    encode,
)
from keepclear.adapters.http.endpoints import JSON, Call, Endpoint, Reply
from keepclear.adapters.http.gate import bearer_of, cookie_of
from keepclear.adapters.http.node import Node
from keepclear.adapters.http.problems import HttpProblemError
from keepclear.adapters.store.access import SESSION_S, TokenRow, UnknownTokenError
from keepclear.core.intents import PartyId
from keepclear.core.times import rfc3339
from keepclear.node.access import Grant, Role
from keepclear.node.ports import Actor
from keepclear.version import VERSION

_OK, _CREATED, _NO_CONTENT = HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT


class AccessRoutes:
    """The handlers.

    Args:
        node: What they work with.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of them."""
        administrator = Role.ADMINISTRATOR
        return [
            Endpoint(method="POST", path="/v1/session", handler=self._sign_in, role=None,
                     summary="Sign a browser in: sets its cookie.", answers={_OK: wire.SessionTold},
                     body=wire.SessionBody, media_types=(JSON,),
                     refusals=(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN,
                               HTTPStatus.REQUEST_ENTITY_TOO_LARGE)),
            Endpoint(method="GET", path="/v1/session", handler=self._session,
                     summary="Who is signed in, and what time it is at the node.",
                     answers={_OK: wire.SessionTold}),
            Endpoint(method="DELETE", path="/v1/session", handler=self._sign_out,
                     summary="Sign a browser out.", answers={_NO_CONTENT: None}),
            Endpoint(method="GET", path="/v1/tokens", handler=self._tokens, role=administrator,
                     summary="List tokens, without their secrets.", answers={_OK: wire.Tokens}),
            Endpoint(method="POST", path="/v1/tokens", handler=self._issue_token, role=administrator,
                     summary="Issue a token; its secret is told this once.",
                     answers={_CREATED: wire.TokenIssued}, body=wire.TokenIssue, media_types=(JSON,),
                     refusals=(HTTPStatus.CONFLICT,)),
            Endpoint(method="DELETE", path="/v1/tokens/{id}", handler=self._revoke_token, role=administrator,
                     summary="Revoke a token and end its sessions.", answers={_NO_CONTENT: None},
                     refusals=(HTTPStatus.NOT_FOUND,)),
        ]  # fmt: skip

    async def _sign_in(self, call: Call) -> Reply:
        node = self._node
        node.gate.check_origin(call.request)
        if call.body.token is not None:
            grant = node.access.grant_of(call.body.token)
        elif node.guest is not None:
            grant = node.guest
        else:
            raise HttpProblemError(HTTPStatus.UNAUTHORIZED, "this node needs a token to sign in")
        session, secret = await asyncio.to_thread(node.access.sign_in, grant)
        reply = Response(encode(self._session_body(grant, session.csrf)), media_type=JSON)
        reply.headers["Cache-Control"] = "no-store"
        left_s = int((grant.expires - node.clock()).total_seconds())
        reply.set_cookie(
            cookie_of(call.request),
            secret,
            max_age=max(0, min(int(SESSION_S), left_s)),
            httponly=True,
            samesite="strict",
            secure=node.gate.is_encrypted(call.request),
        )
        return Reply(response=reply)

    async def _session(self, call: Call) -> Reply:
        csrf = None
        if bearer_of(call.request) is None:
            csrf = self._node.access.session_of(call.request.cookies[cookie_of(call.request)]).csrf
        return Reply(body=self._session_body(call.granted, csrf))

    async def _sign_out(self, call: Call) -> Reply:
        cookie = cookie_of(call.request)
        await asyncio.to_thread(self._node.access.sign_out, call.request.cookies.get(cookie, ""))
        reply = Response(status_code=_NO_CONTENT)
        is_secure = self._node.gate.is_encrypted(call.request)
        reply.delete_cookie(cookie, httponly=True, samesite="strict", secure=is_secure)
        return Reply(response=reply)

    async def _tokens(self, call: Call) -> Reply:
        rows = await asyncio.to_thread(self._node.access.tokens)
        shown = [row for row in rows if self._governs(call.granted, row.grant.actor.party)]
        return Reply(body=wire.Tokens(tokens=[_token_body(row) for row in shown]))

    def _governs(self, grant: Grant, party: str) -> bool:
        """Tell whether an administrator decides over the tokens of a party.

        Those of the node's own party do over all; the others only over those of their own.
        """
        return grant.actor.party in (party, self._node.settings.node.party)

    async def _issue_token(self, call: Call) -> Reply:
        body: wire.TokenIssue = call.body
        party = body.party or call.granted.actor.party
        if not self._governs(call.granted, party):
            detail = f"only an administrator of {party!r} or of the node's own party issues its tokens"
            raise HttpProblemError(HTTPStatus.FORBIDDEN, detail)
        actor = Actor(party=PartyId(party), person=body.person)
        issue = partial(self._node.access.issue, actor, Role(body.role), days=body.days)
        grant, secret = await asyncio.to_thread(issue)
        told = wire.TokenIssued(
            id=grant.token_id,
            party=actor.party,
            person=actor.person,
            role=grant.role.value,
            created=self._node.now,
            expires=rfc3339(grant.expires),
            revoked=None,
            token=secret,
        )
        return Reply(body=told, status=_CREATED)

    async def _revoke_token(self, call: Call) -> Reply:
        rows = await asyncio.to_thread(self._node.access.tokens)
        if not any(
            row.grant.token_id == call.path and self._governs(call.granted, row.grant.actor.party)
            for row in rows
        ):
            raise UnknownTokenError(call.path)
        await asyncio.to_thread(self._node.access.revoke, call.path)
        return Reply(response=Response(status_code=_NO_CONTENT))

    def _session_body(self, grant: Grant, csrf: str | None) -> wire.SessionTold:
        node, settings = self._node, self._node.settings.node
        return wire.SessionTold(
            party=grant.actor.party,
            person=grant.actor.person,
            role=grant.role.value,
            csrf=csrf,
            node=wire.NodeTold(
                party=settings.party,
                name=settings.name,
                conflicts=settings.conflicts.value,
                is_demonstration=node.guest is not None,
                version=VERSION,
            ),
            now=node.now,
            speed=node.speed,
            seq=node.store.last_seq(),
        )


def _token_body(row: TokenRow) -> wire.TokenTold:
    grant = row.grant
    return wire.TokenTold(
        id=grant.token_id,
        party=grant.actor.party,
        person=grant.actor.person,
        role=grant.role.value,
        created=rfc3339(row.created),
        expires=rfc3339(grant.expires),
        revoked=None if row.revoked is None else rfc3339(row.revoked),
    )
