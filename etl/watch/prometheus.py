"""Prometheus' text exposition format, version 0.0.4. Pure.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/. A help text escapes backslash and line feed; a
label value these and the double quote; all samples of a metric stand together under its HELP and TYPE.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from etl.plain import plain_line

__all__ = ["Metric", "Sample", "render_metrics"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One number, under its labels."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    """One gauge: its name, what it counts, and its samples."""

    name: str
    help: str
    samples: tuple[Sample, ...]


def render_metrics(metrics: Iterable[Metric]) -> str:
    """Return the text of `metrics`; one without samples is left out."""
    lines: list[str] = []
    for metric in metrics:
        if metric.samples:
            lines += [f"# HELP {metric.name} {_escape(metric.help)}", f"# TYPE {metric.name} gauge"]
            lines += [
                f"{metric.name}{_labels(sample.labels)} {_number(sample.value)}" for sample in metric.samples
            ]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (
        f'{name}="{_escape(plain_line(value)).replace(chr(34), chr(92) + chr(34))}"'
        for name, value in labels.items()
    )
    return "{" + ",".join(pairs) + "}"


def _escape(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))
