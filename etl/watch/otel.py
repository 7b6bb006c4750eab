"""Whether a run is traced: where the standard OTEL_* variables say so, and the `otel` extra is installed.

Rule: without these variables OpenTelemetry isn't even imported. Source of the names:
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from etl.watch.watcher import Watcher

__all__ = ["OtelSettings", "has_sdk", "open_telemetry", "read_settings"]

_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SDK: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


@dataclass(frozen=True, slots=True)
class OtelSettings:
    """What the environment asks for."""

    traces: bool = False
    metrics: bool = False


def read_settings(environ: Mapping[str, str]) -> OtelSettings:
    """Return what the OTEL_* variables in `environ` ask for; an exporter without an endpoint is not asked for."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return OtelSettings()
    return OtelSettings(_wants(environ, "TRACES"), _wants(environ, "METRICS"))


def open_telemetry(job: str, environ: Mapping[str, str], warn: Callable[[str, str], None]) -> Watcher | None:
    """Return what traces and measures a run of `job`, or None; `warn(event, reason)` hears why it can't be."""
    settings = read_settings(environ)
    if not settings.traces and not settings.metrics:
        return None
    if not has_sdk():
        warn(
            "no_telemetry",
            "OTEL_* is set, but OpenTelemetry isn't installed: pip install 'inkeep-backfill[otel]'",
        )
        return None
    protocol = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf").strip()
    if protocol != "http/protobuf":
        warn(
            "no_telemetry",
            "expected OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, the one protocol there is here",
        )
        return None
    from etl.watch.telemetry import Telemetry

    return Telemetry(
        job, traces=settings.traces, metrics=settings.metrics, names_service=_names_service(environ)
    )


def _wants(environ: Mapping[str, str], signal: str) -> bool:
    exporter = environ.get(f"OTEL_{signal}_EXPORTER", "otlp").strip()
    endpoint = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT") or environ.get(_ENDPOINT)
    return exporter == "otlp" and bool(endpoint and endpoint.strip())


def _names_service(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("OTEL_SERVICE_NAME")) or "service.name=" in environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )


def has_sdk() -> bool:
    """Whether the `otel` extra is installed."""
    try:
        return all(importlib.util.find_spec(name) is not None for name in _SDK)
    except ModuleNotFoundError:
        return False
