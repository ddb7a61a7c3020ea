"""Figures for Prometheus, in a registry of the service's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

if TYPE_CHECKING:
    from geoglot.serve.service import Service

_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")  # strangers may make up any number of others
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Requests by route and status, batches, the cache of pictures, jobs, and the process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter("geoglot_requests_total", "Requests.", ("method", "route", "status"), registry=self.registry)
        self._jobs = Counter("geoglot_jobs_total", "Jobs that have ended.", ("verb", "state"), registry=self.registry)
        self._seconds = Histogram(
            "geoglot_request_seconds", "Time to answer.", ("route",), buckets=_SECONDS, registry=self.registry
        )
        self._batches = Histogram(
            "geoglot_batch_items", "Texts or pictures encoded together.", ("kind",), buckets=(1, 2, 4, 8, 16, 32),
            registry=self.registry,
        )  # fmt: skip

    def watch(self, service: Service) -> None:
        """Read gauges from a service whenever they are asked for."""
        cache = service.studio.cache
        for name, told, read in (
            ("geoglot_scenes", "Scenes served.", lambda: len(service.library.entries())),
            ("geoglot_tiles", "Tiles served.", lambda: len(service.library)),
            ("geoglot_questions", "Questions that wait or are at work.", lambda: len(service.asker)),
            ("geoglot_open_scenes", "Scenes whose files are open.", lambda: len(service.library.shelf)),
            ("geoglot_picture_cache_bytes", "Bytes of rendered pictures that are kept.", lambda: cache.held),
            ("geoglot_picture_cache_hits", "Pictures that were there.", lambda: cache.hits),
            ("geoglot_picture_cache_misses", "Pictures that were rendered.", lambda: cache.misses),
        ):
            Gauge(name, told, registry=self.registry).set_function(read)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def batched(self, kind: str, size: int) -> None:
        """Count one batch."""
        self._batches.labels(kind).observe(size)

    def job(self, verb: str, state: str) -> None:
        """Count a job that has ended."""
        self._jobs.labels(verb, state).inc()

    def text(self) -> bytes:
        """All of it in Prometheus' own form."""
        return bytes(generate_latest(self.registry))
