"""A run as OpenTelemetry traces and metrics, over OTLP/HTTP. Needs the `otel` extra.

Rule: providers of its own, never the process's global ones; what can't be delivered is given up after a few seconds.
One span a run, with one for each staging and each sending inside; no cell, no key, nothing that a server said.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, StatusCode, set_span_in_context
from opentelemetry.util.types import AnyValue

from etl.exits import describe_exit
from etl.values.books import Books
from etl.values.outcome import Outcome

__all__ = ["Telemetry"]

FLUSH_SECONDS: Final = 10.0
_SCOPE: Final = "backfill"

Attributes = dict[str, AnyValue]


class Telemetry:
    """Traces and measures one run of a job. A `Watcher`."""

    def __init__(
        self,
        job: str,
        *,
        traces: bool,
        metrics: bool,
        names_service: bool = False,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._labels: Attributes = {"backfill.job": job}
        self._clock_ns = clock_ns
        # What the environment calls the service is right; Resource would let our name win over it.
        resource = Resource.create({} if names_service else {"service.name": _SCOPE})
        self._tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
        if traces:
            self._tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        readers = [PeriodicExportingMetricReader(OTLPMetricExporter())] if metrics else []
        self._measuring = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
        self._tracer = self._tracing.get_tracer(_SCOPE)
        meter = self._measuring.get_meter(_SCOPE)
        self._events = meter.create_counter("backfill.events", "{event}", "Events settled, by outcome.")
        self._requests = meter.create_counter(
            "backfill.requests", "{request}", "Requests, by status; 0 got no answer."
        )
        self._rows = meter.create_gauge(
            "backfill.rows", "{row}", "Rows of the run's loads, by what became of them."
        )
        self._duration = meter.create_histogram("backfill.run.duration", "s", "How long a run takes.")
        self._run: Span | None = None
        self._sending: Span | None = None
        self._before = Books()

    def run_started(self, run: int, endpoint: str) -> None:
        """Open the run's span."""
        attributes = {
            **self._labels,
            "backfill.run": run,
            "server.address": urlsplit(endpoint).hostname or "",
        }
        self._run = self._tracer.start_span("backfill run", attributes=attributes)

    def staged(self, load: int, books: Books, *, files: int, seconds: float) -> None:
        """Add the span of a staging, which has just ended."""
        now = self._clock_ns()
        attributes = {
            **self._labels,
            "backfill.load": load,
            "backfill.files": files,
            "backfill.rows.read": books.read,
        }
        self._start("stage", attributes, start_ns=now - int(seconds * 1e9)).end(now)

    def nothing_new(self, *, files: int) -> None:
        """Note it on the run's span."""
        if self._run is not None:
            self._run.add_event("nothing new", {"backfill.files": files})

    def sending(self, load: int, books: Books, *, rate_per_second: float | None) -> None:
        """Open the span of a sending."""
        attributes: Attributes = {
            **self._labels,
            "backfill.load": load,
            "backfill.rows.pending": books.pending,
        }
        self._sending = self._start("send", attributes)
        if rate_per_second is not None:
            self._sending.set_attribute("backfill.rate_per_second", rate_per_second)
        self._before = books

    def progressed(self, load: int, books: Books, *, per_second: float) -> None:  # noqa: ARG002 - the Watcher's signature
        """Count what was settled since the last call."""
        for outcome in ("delivered", "rejected"):
            grown = getattr(books, outcome) - getattr(self._before, outcome)
            if grown > 0:
                self._events.add(grown, {**self._labels, "outcome": outcome})
        self._before = books

    def waiting(self, load: int, *, seconds: float, asked_by: str) -> None:
        """Nothing: the rate says it."""

    def settled(self, load: int, books: Books, *, seconds: float, statuses: Mapping[int, int]) -> None:  # noqa: ARG002
        """Close the span of a sending."""
        self.progressed(load, books, per_second=0.0)
        for status, count in statuses.items():
            self._requests.add(count, {**self._labels, "http.response.status_code": status})
        if self._sending is not None:
            self._sending.set_attribute("backfill.rows.pending_after", books.pending)
            self._sending.end()
            self._sending = None

    def rejected(self, counts: Mapping[str, int]) -> None:
        """Note the rejects on the run's span."""
        if self._run is not None and counts:
            self._run.set_attributes({f"backfill.rejects.{code}": count for code, count in counts.items()})

    def stopped(self, cause: str) -> None:
        """Note on the run's span that it ends early."""
        if self._run is not None:
            self._run.add_event("stopped", {"backfill.cause": cause})

    def finished(self, outcome: Outcome) -> None:
        """Close all spans, and send what is left."""
        self._duration.record(outcome.elapsed_seconds, {**self._labels, "state": outcome.state})
        for word, count in outcome.books.to_json().items():
            self._rows.set(count, {**self._labels, "state": word})
        if self._sending is not None:
            self._sending.end()
        run = self._run or self._tracer.start_span("backfill run", attributes=self._labels)
        run.set_attributes({"backfill.state": outcome.state, "backfill.exit_code": outcome.exit_code})
        if outcome.exit_code not in (0, 3):
            run.set_status(StatusCode.ERROR, describe_exit(outcome.exit_code))
        run.end()
        self._flush()

    def _start(self, name: str, attributes: Attributes, *, start_ns: int | None = None) -> Span:
        context = set_span_in_context(self._run) if self._run is not None else None
        return self._tracer.start_span(name, context=context, attributes=attributes, start_time=start_ns)

    def _flush(self) -> None:
        # In a thread: a collector that is away makes the exporters wait and retry for longer than a run should.
        thread = threading.Thread(target=self._shut_down, name="telemetry", daemon=True)
        thread.start()
        thread.join(FLUSH_SECONDS)

    def _shut_down(self) -> None:
        self._tracing.shutdown()
        self._measuring.shutdown()
