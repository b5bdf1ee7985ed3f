"""Drafts: the exact text that an officer signs, and proposals that are ready to be made of it."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

import msgspec

from keepclear.adapters.http import wire_hotline as wire
from keepclear.adapters.http.bodies import encode, raw_entry
from keepclear.adapters.http.endpoints import JSON, Call, Endpoint, Reply, aside
from keepclear.adapters.http.given import single
from keepclear.adapters.http.hotline_bodies import draft_texts
from keepclear.adapters.http.keyed import Keyed
from keepclear.adapters.http.log_bodies import ref_body
from keepclear.adapters.http.node import Node
from keepclear.adapters.http.warning_bodies import misheard_body, warning_bodies
from keepclear.adapters.http.warnings_asked import WarningsAsked
from keepclear.adapters.notary import DEED_TYPE
from keepclear.codec.deeds import DEED_BYTES_MAX, decode_deed, encode_deed
from keepclear.codec.f3548.volumes import decode_item, encode_item
from keepclear.core.conflicts import Buffer, Item
from keepclear.core.deeds import DeedKind, Heard, SignedDeed, proposal_id
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import MESSAGES, Code, Message
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.resolution import Change, Resolution
from keepclear.core.shifts import Limits
from keepclear.core.times import floor_ms
from keepclear.node.access import Role
from keepclear.node.declare import Declaring
from keepclear.node.detect import Moment
from keepclear.node.hotline_views import inherited
from keepclear.node.logs import Logs
from keepclear.node.message_warnings import Asked, misheard
from keepclear.node.outcomes import NotFoundError
from keepclear.node.workbench import Workbench

DRAFT_BYTES_MAX: Final = DEED_BYTES_MAX
"""The most bytes of a draft."""
_OK = HTTPStatus.OK
_NONCE_BYTES: Final = 16
_NAME_BYTES: Final = 4
_FORM: Final = 1


class DraftRoutes:
    """The handlers.

    Args:
        node: What they work with.
    """

    def __init__(self, node: Node) -> None:
        self._node, self._keyed = node, Keyed(node)
        self._warned = WarningsAsked(self._keyed)

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of them."""
        return [
            Endpoint(method="POST", path="/v1/drafts", handler=self._draft, role=Role.DUTY_OFFICER,
                     summary="The text that an officer has to sign to say something; nothing is said yet.",
                     answers={_OK: wire.Draft}, body=wire.DraftGiven, media_types=(JSON,),
                     refusals=(HTTPStatus.CONFLICT,), body_bytes_max=DRAFT_BYTES_MAX),
            Endpoint(method="POST", path="/v1/suggestions", handler=self._suggest,
                     summary="Proposals that clear a conflict with another party, ready to be drafted.",
                     answers={_OK: wire.Suggestions}, body=wire.SuggestionGiven, media_types=(JSON,),
                     refusals=(HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND)),
        ]  # fmt: skip

    async def _draft(self, call: Call) -> Reply:
        body: wire.DraftGiven = call.body
        fields = msgspec.to_builtins(body)
        if body.kind == DeedKind.SEND_MESSAGE.value and body.message is not msgspec.UNSET:
            fields["message"] |= await self._left_out(body.message)
        given = encode(
            {
                "v": _FORM,
                "party": self._keyed.own,
                "t": floor_ms(self._node.clock()),
                "nonce": secrets.token_urlsafe(_NONCE_BYTES),
                **fields,
            }
        )
        signed = await aside(lambda: decode_deed(given), len(given))

        def check(declaring: Declaring) -> None:
            assert declaring.proving is not None
            declaring.proving.check_deed(signed)

        # As a change that writes nothing, so that it is refused by all that would refuse the deed itself.
        await self._keyed.change(call.granted.actor, check)
        return Reply(
            body=wire.Draft(
                payload=_payload(signed).decode(),
                typ=DEED_TYPE,
                texts=draft_texts(signed.deed),
                warnings=await self._warnings(signed),
            )
        )

    async def _warnings(self, signed: SignedDeed) -> list[wire.Warned]:
        deed = signed.deed
        match deed:
            case Message():
                asked = Asked(by=signed.party, message=deed, sent_ms=signed.at_ms)
                return warning_bodies(*await self._warned.of([asked]))
            case Heard():
                asked = Asked(by=deed.by, message=deed.message, sent_ms=deed.at_ms)
                warned = warning_bodies(*await self._warned.of([asked]))
                sent = await self._keyed.ask(lambda _, logs: misheard(logs, deed))
                return warned if sent is None else [misheard_body(sent, deed.message), *warned]
            case _:
                return []

    async def _left_out(self, message: wire.MessageDraft) -> dict[str, Any]:
        """Return what a message leaves out and is plain: how urgent it is, until when it counts, its drill.

        What answers or corrects another message is as urgent, and of the same drill.
        """
        # One that is none is refused in the end: only for what it leaves out something must stand there.
        of = MESSAGES[Code(message.code) if message.code in _CODES else Code.FREE_TEXT]
        about = [
            _ref_of(ref, name)
            for name, ref in (("answers", message.answers), ("corrects", message.corrects))
            if ref is not msgspec.UNSET
        ]
        urgent, drill = of.priority, None
        if about:
            urgent, drill = await self._keyed.ask(lambda _, logs: inherited(logs, of.priority, about))
        found: dict[str, Any] = {}
        if message.priority is msgspec.UNSET:
            found["priority"] = urgent.value
        if message.valid_until is msgspec.UNSET:
            # A whole second, as a form on paper has it.
            found["valid_until"] = (floor_ms(self._node.clock()) // 1000 + of.valid_s) * 1000
        if message.drill is msgspec.UNSET and drill is not None:
            found["drill"] = drill
        return found

    async def _suggest(self, call: Call) -> Reply:
        body: wire.SuggestionGiven = call.body

        def question(bench: Workbench, logs: Logs) -> tuple[Moment, ItemRef, ItemRef, Buffer | None]:
            item, other = (_current(logs, local_id) for local_id in (body.item, body.other))
            if logs.own not in (item.party, other.party) or item.party == other.party:
                raise InvalidValueError("other", f"one of the two must be of {logs.own!r}, the other not")
            between = (min(item.party, other.party), max(item.party, other.party))
            return bench.present(), item, other, logs.ledger.agreed_gaps().get(between)

        moment, ref, other, gap = await self._keyed.ask(question)

        def resolved() -> tuple[Resolution, list[str | None]]:
            record = self._node.record(body.item)
            if record.is_over:
                raise NotFoundError(record.label.id)
            item: Item = single(decode_item(record.text, "store"))[0]
            resolution = moment.resolve(item, Limits(not_before=moment.now), gap)
            return resolution, [moment.undecided(change.item, gap) for change in resolution.changes]

        resolution, reasons = await asyncio.to_thread(resolved)
        return Reply(
            body=wire.Suggestions(
                suggestions=[
                    self._suggestion(change, reason, ref, other)
                    for change, reason in zip(resolution.changes, reasons, strict=True)
                ],
                none_within=[kind.value for kind in resolution.none_within],
            )
        )

    def _suggestion(
        self, change: Change, reason: str | None, item: ItemRef, other: ItemRef
    ) -> wire.Suggestion:
        becomes = encode_item(replace(change.item, id=item.id, party=item.party))
        return wire.Suggestion(
            change=change.kind.value,
            time_shift_s=change.time_shift_s,
            altitude_shift_m=change.altitude_shift_m,
            lateral_m=change.lateral_m,
            bearing_deg=change.bearing_deg,
            is_smallest=change.is_smallest,
            reason=reason,
            propose={
                "id": proposal_id(self._keyed.own, secrets.token_hex(_NAME_BYTES)),
                "conflict": [ref_body(ref) for ref in sorted((item, other))],
                "changes": [{"item": ref_body(item), "becomes": raw_entry(becomes)}],
            },
        )


_CODES: Final = frozenset(code.value for code in Code)


def _payload(signed: SignedDeed) -> bytes:
    return encode_deed(
        signed.deed, party=signed.party, person=signed.person, at_ms=signed.at_ms, nonce=signed.nonce
    )


def _ref_of(given: wire.RefGiven, name: str) -> MessageRef:
    try:
        return MessageRef(party=PartyId(given.party), n=given.n)
    except InvalidValueError as error:
        raise error.within(f"message.{name}") from None


def _current(logs: Logs, local_id: str) -> ItemRef:
    """Return the latest version of an item that is not over.

    Raises:
        NotFoundError: There is none.
    """
    version = logs.ledger.current(*logs.parted(local_id))
    if version is None or version.is_over:
        raise NotFoundError(ItemId(local_id))
    return version.ref
