"""Who asks the service for something, and what the token of the asker grants."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import Enum
from typing import NamedTuple


class Scope(Enum):
    """What a token grants (ASTM F3548-21, F3411-22a, F3411-19)."""

    STRATEGIC_COORDINATION = "utm.strategic_coordination"
    CONSTRAINT_MANAGEMENT = "utm.constraint_management"
    CONSTRAINT_PROCESSING = "utm.constraint_processing"
    CONFORMANCE_MONITORING = "utm.conformance_monitoring_sa"
    AVAILABILITY_ARBITRATION = "utm.availability_arbitration"
    SERVICE_PROVIDER = "rid.service_provider"
    DISPLAY_PROVIDER = "rid.display_provider"
    READ_AREAS = "dss.read.identification_service_areas"
    WRITE_AREAS = "dss.write.identification_service_areas"


class Caller(NamedTuple):
    """Who asks, as the token says.

    Attributes:
        subject: Whom the token names: the manager of what is made.
        issuer: Who issued it.
        scopes: What it grants.
        connection: Over which connection the question came; empty where that is not known.
    """

    subject: str
    issuer: str
    scopes: AbstractSet[str]
    connection: str = ""

    def has(self, scope: Scope) -> bool:
        """Tell whether the token grants something."""
        return scope.value in self.scopes
