"""What a node counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """Counters of one node, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "keepclear_http_requests",
            "Requests answered.",
            ("method", "path", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "keepclear_http_request_seconds",
            "How long requests took to answer, seconds.",
            ("method", "path"),
            registry=self._registry,
            buckets=_SECONDS,
        )

    def count(self, method: str, path: str, status: int, took_s: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(method, path, str(status)).inc()
        self._seconds.labels(method, path).observe(took_s)

    def gauge(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Show a value that is asked for when it is read.

        Args:
            name: Its name, without the prefix.
            about: What it says.
            value: Tells it.
        """
        Gauge(f"keepclear_{name}", about, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Return everything in the format of Prometheus."""
        return generate_latest(self._registry)
