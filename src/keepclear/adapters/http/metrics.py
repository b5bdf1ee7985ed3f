"""What a node counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


@dataclass(frozen=True, slots=True)
class _Table(Collector):
    """Values by a word, as they are when they are read."""

    name: str
    about: str
    label: str
    values: Callable[[], Mapping[str, float]]
    family: type[GaugeMetricFamily | CounterMetricFamily] = GaugeMetricFamily

    def collect(self) -> Iterator[Metric]:
        """Yield the values."""
        family = self.family(self.name, self.about, labels=(self.label,))
        for word, value in sorted(self.values().items()):
            family.add_metric((word,), value)
        yield family

    def describe(self) -> Iterator[Metric]:
        """Yield what they are, without asking for them."""
        yield self.family(self.name, self.about, labels=(self.label,))


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

    def table(self, name: str, about: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        """Show values that are asked for when they are read, each with a word for what it is of.

        Args:
            name: Their name, without the prefix.
            about: What they say.
            label: What the word is.
            values: Tells them by their words.
        """
        self._registry.register(_Table(f"keepclear_{name}", about, label, values))

    def totals(self, name: str, about: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        """Show values as `table` does, of which each only grows.

        Args:
            name: Their name, without the prefix and without `_total`.
            about: What they say.
            label: What the word is.
            values: Tells them by their words.
        """
        self._registry.register(_Table(f"keepclear_{name}", about, label, values, family=CounterMetricFamily))

    def text(self) -> bytes:
        """Return everything in the format of Prometheus."""
        return generate_latest(self._registry)
