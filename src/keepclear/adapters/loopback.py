"""Whether a host is this machine itself: where tokens may travel without TLS.

In a file of its own because what serves, what calls and what is configured must agree on it.
"""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Tell whether a host is surely the loopback interface of this machine.

    Args:
        host: A name or an address without a port; an IPv6 address may stand in brackets.

    Returns:
        True for `localhost` and for loopback addresses. False for every other name: what it resolves
        to may change.

    Source:
        RFC 6761, section 6.3, for the name.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
