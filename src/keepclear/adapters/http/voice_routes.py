"""By voice: checks of the picture by telephone, and messages on paper. Nothing is kept, and nothing said."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from keepclear.adapters.http import wire_voice as wire
from keepclear.adapters.http.endpoints import JSON, Call, Endpoint, Reply
from keepclear.adapters.http.hotline_bodies import texts_body
from keepclear.adapters.http.hotline_routes import message_ref_of
from keepclear.adapters.http.keyed import Keyed, log_of, unknown_party
from keepclear.adapters.http.node import Node
from keepclear.adapters.http.problems import HttpProblemError
from keepclear.adapters.http.wire_hotline import Texts
from keepclear.codec.catalogue.rendering import texts_of
from keepclear.codec.catalogue.texts import Language
from keepclear.codec.forms import line_label
from keepclear.codec.messages import wire_message
from keepclear.core.deeds import Heard
from keepclear.core.dialogues import Sent
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.messages import Code
from keepclear.core.paper import FormLine, FormReader, Name, form_of, heard_of
from keepclear.core.picture_check import CHALLENGE_SYMBOLS, PictureCheck, Standing
from keepclear.core.refs import MessageRef
from keepclear.core.symbols import SYMBOL_BITS, Script, read_symbols, spelled, symbols_of
from keepclear.node.access import Role
from keepclear.node.logs import PAGE, Logs
from keepclear.node.ports import Entry, ItemForm, Notary
from keepclear.node.voice import TwoLogs
from keepclear.node.workbench import Workbench

CHECKS_KEPT_MAX: Final = 4
"""So many pictures are kept to be asked for smaller and smaller parts of; any other is made anew."""
_OK = HTTPStatus.OK
_NO_LOG: Final = (HTTPStatus.CONFLICT,)
_UNKNOWN: Final = (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND)
_BYTES_PER: Final = 8


class VoiceRoutes:
    """The handlers.

    Args:
        node: What they work with.
    """

    def __init__(self, node: Node) -> None:
        self._node, self._keyed = node, Keyed(node)
        self._kept: OrderedDict[tuple[object, ...], TwoLogs] = OrderedDict()
        self._making = asyncio.Lock()

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of them."""
        return [
            Endpoint(method="POST", path="/v1/picture-checks", handler=self._check,
                     role=Role.DUTY_OFFICER,
                     summary="Check by voice that two parties hold the same picture; tells what to say next.",
                     answers={_OK: wire.PictureChecked}, body=wire.PictureCheckGiven, media_types=(JSON,),
                     refusals=_UNKNOWN),
            Endpoint(method="GET", path="/v1/messages/{party}/{n}/paper", handler=self._paper,
                     summary="The paper form of a message, with check symbols.",
                     answers={_OK: wire.PaperForm}, refusals=_UNKNOWN),
            Endpoint(method="POST", path="/v1/paper", handler=self._read,
                     summary="Read a form line by line as it is read out; the first wrong line is told.",
                     answers={_OK: wire.PaperRead}, body=wire.PaperGiven, media_types=(JSON,),
                     refusals=_NO_LOG),
        ]  # fmt: skip

    # -- the picture --------------------------------------------------------------------------------

    async def _check(self, call: Call) -> Reply:
        given: wire.PictureCheckGiven = call.body
        own, peer = self._keyed.own, PartyId(given.with_party)
        if own == peer:
            raise unknown_party(given.with_party)
        held = await self._keyed.ask(
            lambda _, logs: {party: log_of(logs, party).tree.size for party in sorted((own, peer))}
        )
        told = wire.PictureChecked(
            parties=sorted(held), held=dict(held), frozen=None, remarks=[], challenge=None, ours=None,
            theirs=None, parts=None, standing=None, standing_count=None,
        )  # fmt: skip
        if given.theirs is not None:
            frozen = _frozen(given, held)
            told.frozen, told.remarks = dict(frozen), list(_remarks(given, held, own))
            if given.challenge_ours is None:
                told.challenge = _spelled(_drawn())
            elif given.challenge_theirs is not None:
                challenges = {
                    own: _challenge("challenge_ours", given.challenge_ours),
                    peer: _challenge("challenge_theirs", given.challenge_theirs),
                }
                logs = await self._two_logs(frozen)
                await asyncio.to_thread(_tell, told, logs.check(challenges), given.path, own, peer)
        return Reply(body=told)

    async def _two_logs(self, sizes: Mapping[PartyId, int]) -> TwoLogs:
        def state(bench: Workbench, logs: Logs) -> tuple[Notary, ItemForm, tuple[object, ...]]:
            # What was withheld may be given later, without the log growing.
            held = ((party, size, logs[party]) for party, size in sizes.items())
            key = tuple((party, log.tree.root(size), len(log.withheld)) for party, size, log in held)
            return logs.notary, bench.form, key

        async with self._making:  # one at a time: it may be much
            notary, form, key = await self._keyed.ask(state)
            if key not in self._kept:
                entries = {party: self._entries(party, size) for party, size in sizes.items()}
                self._kept[key] = await asyncio.to_thread(TwoLogs, entries, notary, form)
            self._kept.move_to_end(key)
            while len(self._kept) > CHECKS_KEPT_MAX:
                self._kept.popitem(last=False)
            return self._kept[key]

    def _entries(self, party: PartyId, size: int) -> Iterator[Entry]:
        first = 0
        while first < size:
            found = self._node.store.entries(party, first, min(PAGE, size - first))
            yield from found
            first += len(found)

    # -- paper --------------------------------------------------------------------------------------

    async def _paper(self, call: Call) -> Reply:
        ref = message_ref_of(call)
        sent = await self._keyed.ask(lambda _, logs: _message(logs, ref))
        form = form_of(heard_of(sent))
        return Reply(
            body=wire.PaperForm(
                lines=[_line(line, sent.message.code) for line in form.lines],
                total=_spelled(form.total),
                texts=texts_body(texts_of(sent.message, ref)),
            )
        )

    async def _read(self, call: Call) -> Reply:
        given: wire.PaperGiven = call.body
        names = await self._keyed.ask(_names)
        reader = FormReader(names)
        for index, line in enumerate(given.lines):
            try:
                reader.take(line.text, line.symbol)
            except InvalidValueError as error:
                raise error.within(f"lines[{index}]") from None
        slot, code = reader.slot, reader.code
        heard = reader.finish(given.total) if given.complete or given.total is not None else None
        if heard is not None and heard.message.to != self._keyed.own:
            raise InvalidValueError("lines[0].to", f"the form is for {heard.message.to!r}; hand it on")
        if heard is not None and (heard.by,) not in names:
            raise InvalidValueError("lines[1].from", f"no party {heard.by!r} was pinned here; ask again")
        heard_in = None
        if heard is not None:
            heard_in = await self._keyed.ask(lambda _, logs: _heard_in(logs, heard))
        return Reply(
            body=wire.PaperRead(
                lines=[_line(line, code) for line in reader.lines],
                next=None
                if slot is None
                else wire.NextLine(name=slot.name, labels=_labels(code, slot.name), needed=slot.is_needed),
                checked=reader.is_checked,
                deed=None if heard is None else _deed(heard),
                texts=None if heard is None else texts_body(texts_of(heard.message, _ref(heard))),
                heard_in=heard_in,
            )
        )


def _frozen(given: wire.PictureCheckGiven, held: Mapping[PartyId, int]) -> dict[PartyId, int]:
    """Return how much of the two logs both sides hold.

    Raises:
        InvalidValueError: Sizes of other parties are given, or more is said to be held here than is.
    """
    ours, theirs = given.ours or held, given.theirs or {}
    for name, sizes in (("ours", ours), ("theirs", theirs)):
        if set(sizes) != set(held):
            raise InvalidValueError(name, f"it must have the sizes of {' and '.join(held)}")
    for party, size in ours.items():
        if size > held[PartyId(party)]:
            raise InvalidValueError(f"ours.{party}", f"this node holds {held[PartyId(party)]} entries only")
    return {party: min(ours[party], theirs[party]) for party in held}


def _remarks(given: wire.PictureCheckGiven, held: Mapping[PartyId, int], own: PartyId) -> Iterator[str]:
    theirs = (given.theirs or {}).get(own, 0)
    if theirs > held[own]:
        yield (
            f"{given.with_party} holds {theirs} entries of the log of {own}, which has {held[own]} here: was "
            "this node restored? Fetch the rest before anything is signed"
        )


def _drawn() -> str:
    return symbols_of(
        secrets.token_bytes(CHALLENGE_SYMBOLS * SYMBOL_BITS // _BYTES_PER + 1), CHALLENGE_SYMBOLS
    )


def _challenge(name: str, text: str) -> str:
    try:
        return read_symbols(text, CHALLENGE_SYMBOLS)
    except InvalidValueError as error:
        raise InvalidValueError(name, error.reason) from None


def _tell(told: wire.PictureChecked, check: PictureCheck, path: str, own: PartyId, peer: PartyId) -> None:
    """Add to what is told the codes of a picture, or of a part of it."""
    found = check.at(path)
    told.ours, told.theirs = _spelled(check.half(own)), _spelled(check.half(peer))
    told.parts = [
        wire.PicturePart(label=part.label, path=part.path, code=_spelled(part.code), size=part.size)
        for part in check.parts(path)
    ]
    told.standing = [_stands(each) for each in found[: wire.STANDING_TOLD_MAX]]
    told.standing_count = len(found)


def _stands(each: Standing) -> wire.Stands:
    item = each.item
    ref = None if item is None else {"party": item.party, "id": item.id, "version": item.version}
    return wire.Stands(kind=each.kind.value, name=each.name, item=ref)


def _spelled(symbols: str) -> wire.Spelled:
    words = {script.value: list(spelled(symbols, script)) for script in Script}
    return wire.Spelled(symbols=symbols, words=words)


def _message(logs: Logs, ref: MessageRef) -> Sent:
    sent = logs.ledger.hotline.message(ref)
    if sent is None:
        raise HttpProblemError(HTTPStatus.NOT_FOUND, f"message {ref} is not known here")
    return sent


def _heard_in(logs: Logs, heard: Heard) -> int | None:
    """Return the first entry of the own log that says the very same; None for none."""
    said = logs.ledger.hotline.heard()
    return next((each.n for each in said if each.party == logs.own and each.heard == heard), None)


def _names(_: Workbench, logs: Logs) -> list[Name]:
    """Return the names of parties and items that are known here."""
    items: list[Name] = [(version.ref.party, version.ref.id) for version in logs.ledger.versions()]
    return [*((party,) for party in logs.parties), *items]


def _line(line: FormLine, code: Code | None) -> wire.PaperLine:
    return wire.PaperLine(
        name=line.name, labels=_labels(code, line.name), text=line.text, symbol=_spelled(line.symbol)
    )


def _labels(code: Code | None, name: str) -> Texts:
    return texts_body({language.value: line_label(code, name, language) for language in Language})


def _ref(heard: Heard) -> MessageRef | None:
    return None if heard.n is None else MessageRef(party=heard.by, n=heard.n)


def _deed(heard: Heard) -> dict[str, Any]:
    """Return the fields of a draft of what was heard."""
    message = msgspec.to_builtins(wire_message(heard.message))
    return {"by": heard.by, "n": heard.n, "sent": heard.at_ms, "message": message}
