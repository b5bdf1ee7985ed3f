"""Questions to the logs of a node, and refusals where there are none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from keepclear.adapters.http.node import Node
from keepclear.adapters.http.problems import HttpProblemError
from keepclear.core.intents import PartyId
from keepclear.core.times import floor_ms
from keepclear.node.channel_views import Channelling
from keepclear.node.coordinate import Coordinating
from keepclear.node.declare import Declaring
from keepclear.node.hotline_views import Hotlining
from keepclear.node.logs import HeldLog, Logs
from keepclear.node.ports import Actor
from keepclear.node.workbench import Answer, Workbench

_T = TypeVar("_T")
_A = TypeVar("_A", bound=Answer)


class Keyed:
    """The node, for endpoints that need its log.

    Args:
        node: It.
    """

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def own(self) -> PartyId:
        """The party of the node."""
        return PartyId(self.node.settings.node.party)

    async def ask(self, question: Callable[[Workbench, Logs], _T]) -> _T:
        """Ask something of the logs at the desk; it must be quick.

        Raises:
            HttpProblemError: 409: the node has no log.
        """

        def with_logs(bench: Workbench) -> _T:
            return question(bench, logs_of(bench))

        return await asyncio.wrap_future(self.node.desk.ask(with_logs))

    async def require(self) -> None:
        """Refuse where there is no log.

        Raises:
            HttpProblemError: 409.
        """
        await self.ask(lambda *_: None)

    async def change(self, actor: Actor, change: Callable[[Declaring], _A]) -> _A:
        """Have something said or taken.

        Raises:
            HttpProblemError: 409: the node has no log.
        """

        def with_logs(declaring: Declaring) -> _A:
            if declaring.proving is None:
                raise no_keys()
            return change(declaring)

        # Once it is at the desk it is done, whether or not who asked still waits for the answer.
        return await asyncio.shield(asyncio.wrap_future(self.node.desk.change(actor, with_logs)))


def logs_of(bench: Workbench) -> Logs:
    """Return the logs of a node.

    Raises:
        HttpProblemError: 409: it has none.
    """
    if bench.logs is None:
        raise no_keys()
    return bench.logs


def no_keys() -> HttpProblemError:
    """Return the refusal of a node that has no log."""
    detail = "this node has no keys, so it has no log; keepclear init makes keys"
    return HttpProblemError(HTTPStatus.CONFLICT, detail)


def log_of(logs: Logs, party: str) -> HeldLog:
    """Return the log of a party.

    Raises:
        HttpProblemError: 404: the party is not known.
    """
    log = logs.get(PartyId(party))
    if log is None:
        raise unknown_party(party)
    return log


def unknown_party(party: str) -> HttpProblemError:
    """Return the refusal where a party was not pinned."""
    detail = f"no party {party!r} was pinned here; GET /v1/parties tells those that were"
    return HttpProblemError(HTTPStatus.NOT_FOUND, detail)


def coordinating(bench: Workbench, logs: Logs) -> Coordinating:
    """Return the questions to the logs and the picture as they are."""
    return Coordinating(logs=logs, picture=bench.held.picture, reading=bench.store, form=bench.form)


def hotlining(bench: Workbench, logs: Logs, node: Node) -> Hotlining:
    """Return the questions to the hotline as it is now."""
    return Hotlining(logs=logs, reading=bench.store, now_ms=floor_ms(bench.now()), unread=node.unread)


def channelling(bench: Workbench, logs: Logs, node: Node) -> Channelling:
    """Return the questions to the channels as they are now."""
    return Channelling(
        logs=logs,
        reading=bench.store,
        now_ms=floor_ms(bench.now()),
        talk=node.talk,
        unread=node.unread,
    )
