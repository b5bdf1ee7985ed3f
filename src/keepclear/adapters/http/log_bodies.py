"""From what the logs say to the bodies of answers."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence

from keepclear.adapters.federation.federation import LinkView
from keepclear.adapters.http import wire_logs as wire
from keepclear.adapters.http.bodies import breach_bodies
from keepclear.codec import agreements
from keepclear.codec.cards import decode_card, fingerprint
from keepclear.core.agreements import Standing
from keepclear.core.check_words import words_of
from keepclear.core.deeds import Answer
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.ledger import Hold, Said
from keepclear.core.negotiation import Negotiation, NegotiationState
from keepclear.core.refs import ItemRef
from keepclear.core.times import instant_of, rfc3339
from keepclear.node.coordinate import Coordinated, Had, Receipt
from keepclear.node.logs import HeldLog
from keepclear.node.negotiate import NotAmended
from keepclear.node.ports import Entry, Evidence, KnownParty
from keepclear.node.take import Taken


def base64_of(data: bytes) -> str:
    """Write bytes as text."""
    return b64encode(data).decode()


def time_of(at_ms: int) -> str:
    """Write milliseconds since 1970 as a time."""
    return rfc3339(instant_of(at_ms))


def ref_body(ref: ItemRef) -> wire.Ref:
    """Return a version of an item."""
    return wire.Ref(party=ref.party, id=ref.id, version=ref.version)


def link_body(view: LinkView, own: PartyId) -> wire.Link:
    """Return a link as this node sees it."""
    link = view.link
    return wire.Link(
        party=link.peer,
        state=view.state.value,
        switched_off=link.is_switched_off,
        address=link.address,
        last_heard=None if link.heard_ms is None else time_of(link.heard_ms),
        clock_offset_ms=None if link.offset is None else link.offset.ms,
        clock_error_ms=None if link.offset is None else link.offset.uncertainty_ms,
        their_head=dict(link.heads or ()),
        ours_as_they_have_it=link.holds(own),
        error=link.error,
        refused=list(link.refusals),
    )


def party_body(known: KnownParty, log: HeldLog | None, link: wire.Link | None) -> wire.Party:
    """Return a party that was pinned."""
    try:
        words = list(words_of(fingerprint(decode_card(known.card))))
    except InvalidValueError:
        words = []  # what was pinned is no card: an older form, or one put there by hand
    told = None
    if log is not None:
        told = wire.LogTold(
            size=log.tree.size,
            root=base64_of(log.tree.root()),
            frozen=log.frozen,
            withheld=len(log.withheld),
        )
    return wire.Party(
        id=known.id,
        name=known.name,
        is_own=known.is_own,
        pinned_at=time_of(known.pinned_ms),
        words=words,
        log=told,
        link=link,
    )


def _said(said: Said | None, *, with_what: bool = False) -> wire.Said | None:
    if said is None:
        return None
    what = said.what if with_what else ""
    return wire.Said(person=said.person, at=time_of(said.at_ms), n=said.n, what=what)


def coordinated_body(coordinated: Coordinated) -> wire.Coordinated:
    """Return how far an item is coordinated."""
    item = coordinated.item
    stated_at = time_of(item.at_ms)
    return wire.Coordinated(
        id=coordinated.local_id,
        ref=ref_body(item.ref),
        n=item.n,
        state=coordinated.state.value,
        stated_at=stated_at,
        receipts=[_receipt_body(receipt, stated_at) for receipt in coordinated.receipts],
        conflicts=list(coordinated.conflicts),
        open_conflicts=list(coordinated.open_conflicts),
        breaches=breach_bodies(coordinated.breaches),
    )


def _receipt_body(receipt: Receipt, stated_at: str) -> wire.Receipt:
    is_waited_for = receipt.is_concerned and receipt.seen is None
    return wire.Receipt(
        party=receipt.party,
        concerned=receipt.is_concerned,
        delivered=receipt.is_delivered,
        delivered_at=None if receipt.delivered_s is None else time_of(receipt.delivered_s * 1000),
        seen=_said(receipt.seen),
        answered=_said(receipt.answered, with_what=True),
        since=stated_at if is_waited_for else None,
    )


def had_body(had: Had) -> wire.Had:
    """Return what a party had of an item."""
    return wire.Had(
        id=had.local_id,
        ref=ref_body(had.item.ref),
        stated_at=time_of(had.item.at_ms),
        delivered_at=None if had.delivered_s is None else time_of(had.delivered_s * 1000),
        seen=_said(had.seen),
        answered=_said(had.answered, with_what=True),
    )


def negotiation_body(negotiation: Negotiation, not_amended: Sequence[NotAmended]) -> wire.Negotiation:
    """Return a proposal, where it stands, and which items of this party are not changed yet, and why."""
    proposal, answer = negotiation.proposal, negotiation.answer
    is_accepted = negotiation.state is NegotiationState.ACCEPTED
    refs = [change.item for change in proposal.changes if is_accepted]
    return wire.Negotiation(
        id=proposal.id,
        by=proposal.by,
        to=proposal.to,
        state=negotiation.state.value,
        conflict=[ref_body(ref) for ref in proposal.conflict],
        changes=[
            wire.NegotiatedChange(item=ref_body(change.item), becomes=json.loads(change.becomes))
            for change in proposal.changes
        ],
        counters=proposal.counters,
        answer=wire.NegotiationAnswer(accepted=answer.is_accepted, reason=answer.reason)
        if isinstance(answer, Answer)
        else None,
        not_amended=[not_amended_body(each) for each in not_amended if each.item in refs],
    )


def not_amended_body(not_amended: NotAmended) -> wire.NotAmended:
    """Return an item that stays as it is although a proposal to change it was accepted."""
    return wire.NotAmended(id=not_amended.item.id, reason=not_amended.reason)


def agreement_body(
    standing: Standing, in_force: Standing | None, *, is_ambiguous: bool
) -> wire.AgreementTold:
    """Return an agreement that was proposed."""
    is_in_force = in_force is not None and standing.digest == in_force.digest
    return wire.AgreementTold(
        between=list(standing.agreement.parties),
        digest=standing.digest,
        version=standing.agreement.version,
        in_force=is_in_force,
        ambiguous=is_in_force and is_ambiguous,
        accepted_by=list(standing.accepted_by),
        declined_by=list(standing.declined_by),
        text=json.loads(agreements.encode(standing.agreement)),
    )


def hold_body(hold: Hold) -> wire.Hold:
    """Return that a party suspends the dialogue with another."""
    return wire.Hold(by=hold.by, peer=hold.peer, reason=hold.reason, since=time_of(hold.at_ms))


def entry_body(entry: Entry) -> wire.EntryTold:
    """Return an entry of a log."""
    return wire.EntryTold(
        n=entry.n,
        leaf=base64_of(entry.leaf),
        jws=None if entry.jws is None else entry.jws.decode(),
        taken_at=time_of(entry.taken_ms),
    )


def taken_body(taken: Taken) -> wire.BundleTaken:
    """Return what was taken of a bundle."""
    return wire.BundleTaken(
        taken=[wire.Span(party=party, first=first, end=end) for party, first, end in taken.spans],
        items=len(taken.records),
        refused=[
            wire.RefusedPart(party=refusal.party, reason=refusal.reason, proof=refusal.is_proof)
            for refusal in taken.refusals
        ],
        receipts=len(taken.receipts),
        cosigned=len(taken.cosigned),
    )


def evidence_body(evidence: Evidence) -> wire.EvidenceTold:
    """Return what proves that a party did not keep to its log."""
    return wire.EvidenceTold(
        id=evidence.id,
        party=evidence.party,
        reason=evidence.reason,
        at=time_of(evidence.taken_ms),
        content=json.loads(evidence.content),
    )


def links_body(views: Sequence[LinkView], own: PartyId) -> wire.Links:
    """Return all links."""
    return wire.Links(links=[link_body(view, own) for view in views])
