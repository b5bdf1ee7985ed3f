"""Numbered changes of the schema of a service's database, as of `adapters.store.migrations`."""

from __future__ import annotations

from typing import Final

DSS_APPLICATION_ID: Final = 0x4B436473
"""`KCds`: tells the database of a Discovery and Synchronization Service from that of a node."""
