"""Figures for Prometheus, in a registry of the gateway's own. No cube, tenant or principal is ever a label."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from memcube.model.errors import MemCubeError

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = CONTENT_TYPE_LATEST

_BUCKETS_S = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class _Figures(Collector):
    """The numbers of a dataclass, as they are when scraped; nothing while there is none."""

    def __init__(self, prefix: str, read: Callable[[], object]) -> None:
        self._prefix = prefix
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """One gauge a field."""
        seen = self._read()
        if is_dataclass(seen):
            for field in fields(seen):
                value = getattr(seen, field.name)
                if isinstance(value, int | float):
                    name = f"memcube_{self._prefix}_{field.name}"
                    yield GaugeMetricFamily(name, f"{field.name.replace('_', ' ')} of the {self._prefix}", value)


class Metrics:
    """Counters and histograms by verb; gauges that ask the gateway's parts when scraped."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "memcube_calls",
            "Calls answered, by verb, transport and code.",
            ["verb", "transport", "code"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "memcube_call_seconds",
            "Time from a call's arrival to its answer.",
            ["verb"],
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._embed_seconds = Histogram(
            "memcube_embed_seconds", "Time to embed the query of a search.", buckets=_BUCKETS_S, registry=self.registry
        )
        self._messages = Counter(
            "memcube_stream_messages",
            "Messages answered inside streams, by verb and code.",
            ["verb", "code"],
            registry=self.registry,
        )
        self._degraded = Counter(
            "memcube_degraded_searches", "Searches that were ranked without a query vector.", registry=self.registry
        )

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Serve ``memcube_<name>`` as what ``read`` returns at each scrape."""
        Gauge(f"memcube_{name}", help_text, registry=self.registry).set_function(read)

    def figures(self, prefix: str, read: Callable[[], object]) -> None:
        """Serve every number of the dataclass that ``read`` returns at a scrape as ``memcube_<prefix>_<field>``."""
        self.registry.register(_Figures(prefix, read))

    @contextmanager
    def timed(self, verb: str, transport: str) -> Iterator[None]:
        """Count one call and its time; its code is OK or that of the MemCubeError that leaves the block."""
        began_s = perf_counter()
        code = "CANCELLED"
        try:
            yield
            code = "OK"
        except MemCubeError as error:
            code = error.CODE
            raise
        finally:
            self._calls.labels(verb, transport, code).inc()
            self._seconds.labels(verb).observe(perf_counter() - began_s)

    def message(self, verb: str, code: str) -> None:
        """Count one message of a stream."""
        self._messages.labels(verb, code).inc()

    def embedded(self, seconds: float | None, *, degraded: bool) -> None:
        """Count the embedding of a search's query; None where nothing was there to ask."""
        if seconds is not None:
            self._embed_seconds.observe(seconds)
        if degraded:
            self._degraded.inc()

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
