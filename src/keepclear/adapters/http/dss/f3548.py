"""The endpoints of ASTM F3548-21."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec

from keepclear.adapters.http.dss.endpoints import Change, DssCall, DssEndpoint, Told, scopes
from keepclear.codec.f3548 import dss_answers, dss_reading
from keepclear.codec.f3548 import dss_wire as wire
from keepclear.codec.f3548.dss_answers import DssWriter, subscribers
from keepclear.codec.f3548.dss_reading import DssReader, id_of
from keepclear.core.errors import InvalidValueError
from keepclear.core.references import ConstraintReference, EntityKind, IntentReference
from keepclear.node.dss import constraints, intents, others, subscriptions
from keepclear.node.dss.callers import Scope
from keepclear.node.dss.intents import Changed
from keepclear.node.dss.ports import Target
from keepclear.node.dss.subscriptions import Subscribed
from keepclear.node.dss.work import Work

_INTENTS: Final = "/dss/v1/operational_intent_references"
_CONSTRAINTS: Final = "/dss/v1/constraint_references"
_SUBSCRIPTIONS: Final = "/dss/v1/subscriptions"
_SC, _CMSA = Scope.STRATEGIC_COORDINATION, Scope.CONFORMANCE_MONITORING
_CM, _CP = Scope.CONSTRAINT_MANAGEMENT, Scope.CONSTRAINT_PROCESSING
_AA = Scope.AVAILABILITY_ARBITRATION
USS_ID_CHARACTERS_MAX: Final = 256
"""The id of a USS is no longer."""


@dataclass(frozen=True, slots=True)
class F3548Endpoints:
    """See the module.

    Attributes:
        reader: How bodies are read.
    """

    reader: DssReader

    def endpoints(self) -> Sequence[DssEndpoint]:
        """Return all of them; those that are asked most come first."""
        return [*self._intents(), *self._subscriptions(), *self._constraints(), *self._others()]

    def _intents(self) -> Sequence[DssEndpoint]:
        conflicts = (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)
        return [
            DssEndpoint(
                method="PUT",
                path=f"{_INTENTS}/{{id}}",
                summary="Create an operational intent reference",
                scopes=scopes(_SC, _CMSA),
                read=self._put_intent,
                body=wire.PutIntent,
                answer=wire.IntentChanged,
                status=HTTPStatus.CREATED,
                refusals=conflicts,
            ),
            DssEndpoint(
                method="GET",
                path=f"{_INTENTS}/{{id}}",
                summary="Read an operational intent reference",
                scopes=scopes(_SC, _CMSA),
                read=_get_intent,
                answer=wire.IntentAnswer,
                refusals=(HTTPStatus.NOT_FOUND,),
            ),
            DssEndpoint(
                method="PUT",
                path=f"{_INTENTS}/{{id}}/{{ovn}}",
                summary="Change an operational intent reference",
                scopes=scopes(_SC, _CMSA),
                read=self._put_intent,
                body=wire.PutIntent,
                answer=wire.IntentChanged,
                refusals=conflicts,
            ),
            DssEndpoint(
                method="DELETE",
                path=f"{_INTENTS}/{{id}}/{{ovn}}",
                summary="Remove an operational intent reference",
                scopes=scopes(_SC, _CMSA),
                read=_delete_intent,
                answer=wire.IntentChanged,
                refusals=(HTTPStatus.NOT_FOUND, *conflicts),
            ),
            DssEndpoint(
                method="POST",
                path=f"{_INTENTS}/query",
                summary="Find operational intent references in an area",
                scopes=scopes(_SC, _CMSA),
                read=_query_intents,
                body=wire.AreaQuery,
                answer=wire.IntentsAnswer,
            ),
        ]

    def _constraints(self) -> Sequence[DssEndpoint]:
        return [
            DssEndpoint(
                method="PUT",
                path=f"{_CONSTRAINTS}/{{id}}",
                summary="Create a constraint reference",
                scopes=scopes(_CM),
                read=self._put_constraint,
                body=wire.PutConstraint,
                answer=wire.ConstraintChanged,
                status=HTTPStatus.CREATED,
                refusals=(HTTPStatus.CONFLICT,),
            ),
            DssEndpoint(
                method="GET",
                path=f"{_CONSTRAINTS}/{{id}}",
                summary="Read a constraint reference",
                scopes=scopes(_CM, _CP),
                read=_get_constraint,
                answer=wire.ConstraintAnswer,
                refusals=(HTTPStatus.NOT_FOUND,),
            ),
            DssEndpoint(
                method="PUT",
                path=f"{_CONSTRAINTS}/{{id}}/{{ovn}}",
                summary="Change a constraint reference",
                scopes=scopes(_CM),
                read=self._put_constraint,
                body=wire.PutConstraint,
                answer=wire.ConstraintChanged,
                refusals=(HTTPStatus.CONFLICT,),
            ),
            DssEndpoint(
                method="DELETE",
                path=f"{_CONSTRAINTS}/{{id}}/{{ovn}}",
                summary="Remove a constraint reference",
                scopes=scopes(_CM),
                read=_delete_constraint,
                answer=wire.ConstraintChanged,
                refusals=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
            ),
            DssEndpoint(
                method="POST",
                path=f"{_CONSTRAINTS}/query",
                summary="Find constraint references in an area",
                scopes=scopes(_CM, _CP),
                read=_query_constraints,
                body=wire.AreaQuery,
                answer=wire.ConstraintsAnswer,
            ),
        ]

    def _subscriptions(self) -> Sequence[DssEndpoint]:
        return [
            DssEndpoint(
                method="PUT",
                path=f"{_SUBSCRIPTIONS}/{{id}}",
                summary="Create a subscription",
                scopes=scopes(_SC, _CP),
                read=self._put_subscription,
                body=wire.PutSubscription,
                answer=wire.SubscriptionChanged,
                refusals=(HTTPStatus.CONFLICT,),
            ),
            DssEndpoint(
                method="GET",
                path=f"{_SUBSCRIPTIONS}/{{id}}",
                summary="Read a subscription",
                scopes=scopes(_SC, _CP),
                read=_get_subscription,
                answer=wire.SubscriptionAnswer,
                refusals=(HTTPStatus.NOT_FOUND,),
            ),
            DssEndpoint(
                method="PUT",
                path=f"{_SUBSCRIPTIONS}/{{id}}/{{version}}",
                summary="Change a subscription",
                scopes=scopes(_SC, _CP),
                read=self._put_subscription,
                body=wire.PutSubscription,
                answer=wire.SubscriptionChanged,
                refusals=(HTTPStatus.CONFLICT,),
            ),
            DssEndpoint(
                method="DELETE",
                path=f"{_SUBSCRIPTIONS}/{{id}}/{{version}}",
                summary="Remove a subscription",
                scopes=scopes(_SC, _CP),
                read=_delete_subscription,
                answer=wire.SubscriptionAnswer,
                refusals=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
            ),
            DssEndpoint(
                method="POST",
                path=f"{_SUBSCRIPTIONS}/query",
                summary="Find one's own subscriptions in an area",
                scopes=scopes(_SC, _CP),
                read=_query_subscriptions,
                body=wire.AreaQuery,
                answer=wire.SubscriptionsAnswer,
            ),
        ]

    def _others(self) -> Sequence[DssEndpoint]:
        return [
            DssEndpoint(
                method="POST",
                path="/dss/v1/reports",
                summary="Report an error of another participant",
                scopes=scopes(_SC, _CMSA, _CM, _CP, _AA),
                read=_report,
                body=wire.Report,
                answer=wire.Report,
                status=HTTPStatus.CREATED,
            ),
            DssEndpoint(
                method="GET",
                path="/dss/v1/uss_availability/{uss_id}",
                summary="Read what was said of the availability of a USS",
                scopes=scopes(_AA, _SC, _CMSA),
                read=_get_availability,
                answer=wire.AvailabilityAnswer,
            ),
            DssEndpoint(
                method="PUT",
                path="/dss/v1/uss_availability/{uss_id}",
                summary="Say whether a USS is available",
                scopes=scopes(_AA),
                read=_put_availability,
                body=wire.PutAvailability,
                answer=wire.AvailabilityAnswer,
                refusals=(HTTPStatus.CONFLICT,),
            ),
        ]

    def _put_intent(self, call: DssCall) -> Change:
        asked = self.reader.intent(call.body, call.path["id"], _replaced(call, "ovn"))
        return Change(
            lambda work, writer: _intent_changed(intents.put_intent(work, asked), writer),
            Target(EntityKind.INTENT, asked.id, asked.extent),
        )

    def _put_constraint(self, call: DssCall) -> Change:
        asked = self.reader.constraint(call.body, call.path["id"], _replaced(call, "ovn"))
        return Change(
            lambda work, writer: _constraint_changed(constraints.put_constraint(work, asked), writer),
            Target(EntityKind.CONSTRAINT, asked.id, asked.extent),
        )

    def _put_subscription(self, call: DssCall) -> Told:
        asked = self.reader.subscription(call.body, call.path["id"], _replaced(call, "version"))

        def told(work: Work, writer: DssWriter) -> wire.SubscriptionChanged:
            put = subscriptions.put_subscription(work, asked)
            changed = wire.SubscriptionChanged(subscription=_subscription(put))
            if put.intents is not None:
                changed.operational_intent_references = writer.intents(put.intents)
            if put.constraints is not None:
                changed.constraint_references = writer.constraints(put.constraints)
            return changed

        return told


def _replaced(call: DssCall, name: str) -> str | None:
    """Return the version that is to be replaced; None where the path has no place for it."""
    version = call.path.get(name)
    if version is not None:
        _require_named(version, name)
    return version


def _require_named(version: str, name: str) -> None:
    if not version:
        raise InvalidValueError(name, "it is empty; the path must end in it")


def _named(call: DssCall, name: str) -> tuple[str, str]:
    entity_id, version = id_of(call.path["id"]), call.path[name]
    _require_named(version, name)
    return entity_id, version


def _intent_changed(changed: Changed, writer: DssWriter) -> wire.IntentChanged:
    assert isinstance(changed.entity, IntentReference)
    return wire.IntentChanged(
        operational_intent_reference=writer.intent(changed.entity), subscribers=subscribers(changed.notified)
    )


def _constraint_changed(changed: Changed, writer: DssWriter) -> wire.ConstraintChanged:
    assert isinstance(changed.entity, ConstraintReference)
    return wire.ConstraintChanged(
        constraint_reference=writer.constraint(changed.entity), subscribers=subscribers(changed.notified)
    )


def _subscription(subscribed: Subscribed) -> wire.Subscription:
    return dss_answers.subscription(subscribed.subscription, subscribed.dependents)


def _get_intent(call: DssCall) -> Told:
    entity_id = id_of(call.path["id"])
    return lambda work, writer: wire.IntentAnswer(
        operational_intent_reference=writer.intent(intents.get_intent(work, entity_id))
    )


def _delete_intent(call: DssCall) -> Change:
    entity_id, ovn = _named(call, "ovn")
    return Change(
        lambda work, writer: _intent_changed(intents.delete_intent(work, entity_id, ovn), writer),
        Target(EntityKind.INTENT, entity_id, None),
    )


def _query_intents(call: DssCall) -> Told:
    area = dss_reading.area(call.body)
    return lambda work, writer: wire.IntentsAnswer(
        operational_intent_references=writer.intents(intents.query_intents(work, area))
    )


def _get_constraint(call: DssCall) -> Told:
    entity_id = id_of(call.path["id"])
    return lambda work, writer: wire.ConstraintAnswer(
        constraint_reference=writer.constraint(constraints.get_constraint(work, entity_id))
    )


def _delete_constraint(call: DssCall) -> Change:
    entity_id, ovn = _named(call, "ovn")
    return Change(
        lambda work, writer: _constraint_changed(constraints.delete_constraint(work, entity_id, ovn), writer),
        Target(EntityKind.CONSTRAINT, entity_id, None),
    )


def _query_constraints(call: DssCall) -> Told:
    area = dss_reading.area(call.body)
    return lambda work, writer: wire.ConstraintsAnswer(
        constraint_references=writer.constraints(constraints.query_constraints(work, area))
    )


def _get_subscription(call: DssCall) -> Told:
    subscription_id = id_of(call.path["id"])
    return lambda work, _: wire.SubscriptionAnswer(
        subscription=_subscription(subscriptions.get_subscription(work, subscription_id))
    )


def _delete_subscription(call: DssCall) -> Change:
    subscription_id, version = _named(call, "version")
    return Change(
        lambda work, _: wire.SubscriptionAnswer(
            subscription=_subscription(subscriptions.delete_subscription(work, subscription_id, version))
        ),
        Target(EntityKind.SUBSCRIPTION, subscription_id, None),
    )


def _query_subscriptions(call: DssCall) -> Told:
    area = dss_reading.area(call.body)
    return lambda work, _: wire.SubscriptionsAnswer(
        subscriptions=[_subscription(each) for each in subscriptions.query_subscriptions(work, area)]
    )


def _report(call: DssCall) -> Told:
    report = dss_reading.decode(call.body, wire.Report)
    if report.report_id:
        raise InvalidValueError("report_id", "it is given by the service; leave it out")

    def told(work: Work, _: DssWriter) -> Any:
        report.report_id = others.add_report(work, msgspec.json.encode(report))
        return report

    return told


def _uss_id(call: DssCall) -> str:
    uss_id = call.path["uss_id"]
    if not (0 < len(uss_id) <= USS_ID_CHARACTERS_MAX and uss_id.isprintable()):
        raise InvalidValueError("uss_id", f"it must be 1 to {USS_ID_CHARACTERS_MAX} printable characters")
    return uss_id


def _get_availability(call: DssCall) -> Told:
    uss_id = _uss_id(call)
    return lambda work, _: dss_answers.availability(others.get_availability(work, uss_id))


def _put_availability(call: DssCall) -> Told:
    uss_id = _uss_id(call)
    said, old_version = dss_reading.availability(call.body)
    return lambda work, _: dss_answers.availability(others.set_availability(work, uss_id, said, old_version))
