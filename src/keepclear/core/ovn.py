"""Opaque version numbers (OVN) and versions: what proves that somebody knows the present state of an entity.

An OVN is shown to nobody but the manager of the entity, who gives it to whoever asks for the details. So it
must not be guessed: it is made of 128 random bits, or ends in the UUID of version 7 that the manager asked
for, which has 74 of them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from keepclear.core.errors import InvalidValueError
from keepclear.core.times import floor_ms

Entropy = Callable[[int], bytes]
"""Returns so many bytes that nobody can guess."""

SUFFIX_CLOCK_MAX: Final = timedelta(minutes=5)
"""The time in a requested suffix may be so far from now."""
_RANDOM_BYTES: Final = 16
_VERSION: Final = re.compile(r"[a-z2-7]{20,26}")
_UUID7_RANDOM: Final = (1 << 62) - 1


def new_ovn(entropy: Entropy) -> str:
    """Return an OVN that nobody can guess, 22 characters."""
    return base64.urlsafe_b64encode(entropy(_RANDOM_BYTES)).rstrip(b"=").decode()


def new_version(entropy: Entropy) -> str:
    """Return the version of a subscription or of an identification service area, 26 characters."""
    return base64.b32encode(entropy(_RANDOM_BYTES)).rstrip(b"=").decode().lower()


def is_version(text: str) -> bool:
    """Tell whether a text looks like a version that `new_version` made, whole or a little cut short.

    What does not is malformed; what does is at worst not the present one.
    """
    return _VERSION.fullmatch(text) is not None


def new_id(entropy: Entropy) -> str:
    """Return a UUID of version 4."""
    return str(UUID(bytes=entropy(_RANDOM_BYTES), version=4))


def suffix_ms(suffix: str) -> int:
    """Return the time in a UUID of version 7, milliseconds since 1970."""
    return UUID(suffix).int >> 80


def requested_ovn(entity_id: str, suffix: str, now: datetime) -> str:
    """Return the OVN with the suffix that its manager asked for (an extension of InterUSS).

    Args:
        entity_id: The entity.
        suffix: A UUID of version 7 whose time is now.
        now: The time.

    Raises:
        InvalidValueError: It is no such UUID, its time is too far from now, or its random part is not random.
    """
    field = "requested_ovn_suffix"
    try:
        uuid = UUID(suffix)
    except ValueError:
        raise InvalidValueError(field, "it is no UUID; give one of version 7") from None
    if uuid.version != 7 or str(uuid) != suffix.lower():
        raise InvalidValueError(field, "it is no UUID of version 7, written with dashes")
    if abs(suffix_ms(suffix) - floor_ms(now)) > SUFFIX_CLOCK_MAX / timedelta(milliseconds=1):
        raise InvalidValueError(field, f"its time is over {SUFFIX_CLOCK_MAX} from now; make a new one")
    random = uuid.int & _UUID7_RANDOM
    if random.bit_count() < 8 or random.bit_count() > 54:
        raise InvalidValueError(field, "its random part is none: others could guess the OVN")
    return f"{entity_id}_{suffix.lower()}"
