import os
import socket
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from etl.watch.otel import OtelSettings, open_telemetry, read_settings
from tests.watch.runs import SECRET_CELL, Receiver, receiving

# OpenTelemetry reads its variables from the process's own environment, so each run is a process of its own.
RUN = """
import os
from etl.values.books import Books
from etl.watch.otel import open_telemetry
from tests.watch.runs import SECRET_CELL, outcome_of

watch = open_telemetry("search", os.environ, lambda *said: print(*said))
if watch is not None:
    watch.run_started(7, "https://api.example.org/tenant-token")
    watch.staged(2, Books(read=10, pending=8), files=1, seconds=0.5)
    watch.sending(2, Books(read=10, rejected=2, pending=8), rate_per_second=20.0)
    watch.progressed(2, Books(read=10, delivered=3, rejected=2, pending=5), per_second=3.0)
    watch.settled(2, Books(read=10, delivered=7, rejected=3), seconds=1.0, statuses={200: 7, 422: 1, 503: 4})
    watch.rejected({"malformed_record": 2})
    watch.finished(outcome_of(int(os.environ["CODE"]), message=SECRET_CELL))
    print("sent")
"""


def run(code: int = 0, **environ: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    finished = subprocess.run(
        [sys.executable, "-c", RUN],
        env={**clean, "CODE": str(code), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Traceback" not in finished.stderr
    return finished.stdout


def spans_of(receiver: Receiver) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for request in receiver.requests:
        if request.path == "/v1/traces":
            message = ExportTraceServiceRequest.FromString(request.body)
            for resource in message.resource_spans:
                for scope in resource.scope_spans:
                    found |= {span.name: span for span in scope.spans}
    return found


def points_of(receiver: Receiver, name: str, label: str) -> dict[Any, float]:
    found: dict[str, Any] = {}
    for request in receiver.requests:
        if request.path == "/v1/metrics":
            message = ExportMetricsServiceRequest.FromString(request.body)
            for metric in message.resource_metrics[0].scope_metrics[0].metrics:
                if metric.name == name:
                    for point in [*metric.sum.data_points, *metric.gauge.data_points]:
                        labels = {a.key: a.value.string_value or a.value.int_value for a in point.attributes}
                        found[labels[label]] = point.as_int
    return found


def attributes_of(span: Any) -> dict[str, Any]:
    return {a.key: a.value.string_value or a.value.int_value or a.value.double_value for a in span.attributes}


def test_a_run_arrives_at_a_collector_as_spans_and_metrics() -> None:
    with receiving() as collector:
        assert run(5, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url).endswith("sent\n")
        spans = spans_of(collector)
        root = spans["backfill run"]
        assert set(spans) == {"backfill run", "stage", "send"}
        assert spans["stage"].parent_span_id == spans["send"].parent_span_id == root.span_id
        assert spans["stage"].end_time_unix_nano - spans["stage"].start_time_unix_nano == 500_000_000
        assert attributes_of(root)["server.address"] == "api.example.org"
        assert attributes_of(root)["backfill.exit_code"] == 5
        assert attributes_of(root)["backfill.rejects.malformed_record"] == 2
        assert root.status.code == 2  # error
        assert points_of(collector, "backfill.events", "outcome") == {"delivered": 7, "rejected": 1}
        assert points_of(collector, "backfill.requests", "http.response.status_code") == {
            200: 7,
            422: 1,
            503: 4,
        }
        assert points_of(collector, "backfill.rows", "state")["read"] == 10
        sent = b"".join(request.body for request in collector.requests)
        assert b"backfill" in sent
        assert SECRET_CELL.encode() not in sent
        assert b"tenant-token" not in sent


def test_the_environment_says_what_is_sent_and_what_the_service_is_called() -> None:
    with receiving() as collector:
        run(
            0,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_METRICS_EXPORTER="none",
            OTEL_SERVICE_NAME="nightly",
        )
        assert set(collector.paths) == {"/v1/traces"}
        assert b"nightly" in collector.requests[0].body
        assert spans_of(collector)["backfill run"].status.code == 0


def test_a_collector_that_is_away_neither_fails_nor_holds_up_a_run() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    said = run(0, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_TIMEOUT="1")
    assert said.endswith("sent\n")


@pytest.mark.parametrize(
    ("environ", "settings"),
    [
        ({}, OtelSettings()),
        ({"OTEL_SERVICE_NAME": "x"}, OtelSettings()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, OtelSettings(traces=True, metrics=True)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, OtelSettings(traces=True)),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c"}, OtelSettings(metrics=True)),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"},
            OtelSettings(metrics=True),
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "TRUE"}, OtelSettings()),
    ],
)
def test_the_standard_variables_decide(environ: dict[str, str], settings: OtelSettings) -> None:
    assert read_settings(environ) == settings


def test_another_protocol_than_the_one_there_is_is_said() -> None:
    said: list[tuple[str, str]] = []
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert open_telemetry("search", environ, lambda *words: said.append(words)) is None
    assert [event for event, _ in said] == ["no_telemetry"]


def test_without_the_variables_opentelemetry_is_not_even_imported() -> None:
    script = (
        "import sys\nfrom etl.watch.otel import open_telemetry\n"
        "assert open_telemetry('a', {}, print) is None\nprint([m for m in sys.modules if "
        "m.startswith('opentelemetry')])"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert finished.stdout == "[]\n"


def test_an_extra_that_is_not_installed_is_said_and_stops_nothing() -> None:
    script = (
        "import sys\nsys.modules['opentelemetry'] = None\nfrom etl.watch.otel import open_telemetry\n"
        "assert open_telemetry('a', {'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://127.0.0.1'}, print) is None"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert "pip install 'inkeep-backfill[otel]'" in finished.stdout
