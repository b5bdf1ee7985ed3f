"""Parties and their logs: whom this node knows, what each log holds, and what proves it to others."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from keepclear.adapters.http import wire_logs as wire
from keepclear.adapters.http.bodies import encode
from keepclear.adapters.http.endpoints import BYTES, JSON, Call, Endpoint, Reply
from keepclear.adapters.http.keyed import Keyed, log_of, unknown_party
from keepclear.adapters.http.log_bodies import (
    base64_of,
    entry_body,
    evidence_body,
    link_body,
    party_body,
    taken_body,
)
from keepclear.adapters.http.log_proofs import Fixed, export_of, fixed_log, proof_of
from keepclear.adapters.http.node import Node
from keepclear.adapters.http.pinning import pin, pinned_card
from keepclear.adapters.http.problems import HttpProblemError
from keepclear.codec.bundle import BUNDLE_BYTES_MAX, decode_bundle
from keepclear.core.intents import PartyId
from keepclear.node.access import Role
from keepclear.node.declare import Declaring
from keepclear.node.logs import Logs
from keepclear.node.ports import KnownParty
from keepclear.node.prove import Taken
from keepclear.node.workbench import Workbench
