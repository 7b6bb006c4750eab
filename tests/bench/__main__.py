"""`make bench`: measures the targets in one run, prints them as a table of ratios, and writes it to a file.

Figures on a shared machine are only comparable within one run. `--rows N` sets the size of the input (2 million),
`--big N` that of the memory and resume trials (10 million; 0 leaves them out), `--only NAME` runs one section.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from statistics import median

from etl.send.pacing import burst_of
from tests.bench import rivals
from tests.bench.data import write_csv, write_job, write_parquet
from tests.bench.shapes import SHAPES
from tests.bench.sink import Sink, run_sink

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
BACKFILL = Path(sys.executable).with_name("backfill")
MEASURED = Path(__file__).with_name("measured.py")
UPLOAD_EVENTS = 300_000
ROUNDS = 3


@dataclass(frozen=True)
class Finished:
    """A command that ended: what it printed as JSON, how long it took, what it used."""

    output: dict[str, float | str | dict[str, int]]
    seconds: float
    cpu_seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    what: str
    measured: str
    target: str
    verdict: str


def run(*arguments: object) -> Finished:
    """Run `backfill` and measure it as a whole process; it must end with exit code 0."""
    environment = {**os.environ, "INKEEPANALYTICS_API_INTEGRATION_KEY": "bench"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody compiles the tool anew at each start
    with tempfile.NamedTemporaryFile("r", suffix=".json") as used_file:
        command = [BACKFILL, *map(str, arguments)]
        output = subprocess.run(
            [sys.executable, str(MEASURED), used_file.name, *map(str, command)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            check=True,
        ).stdout
        used = json.load(used_file)
    assert used["code"] == 0, f"backfill {arguments} ended with {used['code']}\n{output}"
    found = json.loads(output) if output.startswith("{") else {}
    return Finished(found, used["seconds"], used["cpu_seconds"], used["peak_mb"])


def line(
    what: str, measured: float, target: float, shown: str, wanted: str, *, at_most: bool = False
) -> Line:
    """Return a line of the table: the figure, the target, and whether it holds."""
    holds = measured <= target if at_most else measured >= target
    return Line(what, shown, wanted, "ok" if holds else f"off by {abs(measured / target - 1):.0%}")


def bench_transform(folder: Path, rows: int, sink: Sink) -> Iterator[Line]:
    """Staging and validate against the bare readers and the row-by-row loop."""
    csv, parquet = folder / "rows.csv", folder / "rows.parquet"
    write_csv(csv, rows)
    write_parquet(parquet, rows)
    # In turns, and medians, as with the upload.
    names = ("polars", "arrow", "loop", "CSV", "Parquet", "stage")
    rates: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        staged = stage_rows(folder, write_job(folder, csv, endpoint=sink.url))
        found = (
            rivals.rate_of(lambda: rivals.scan_polars(csv)),
            rivals.rate_of(lambda: rivals.scan_arrow(csv)),
            rivals.rate_of(lambda: rivals.loop_rows(csv)),
            rows / run("validate", "--json", write_job(folder, csv)).seconds,
            rows / run("validate", "--json", write_job(folder, parquet)).seconds,
            rows / float(str(staged.output["stage_s"])),
        )
        for name, rate in zip(names, found, strict=True):
            rates[name].append(rate)
    polars, arrow, loop, *_ = (median(rates[name]) for name in names)
    yield Line("Polars scan of the CSV, nothing else", f"{polars / 1e6:.2f} M rows/s", "", "")
    yield Line("PyArrow streaming reader of the CSV, nothing else", f"{arrow / 1e6:.2f} M rows/s", "", "")
    yield Line("row by row: csv + pydantic + uuid5 + JSON", f"{loop / 1e6:.3f} M rows/s", "", "")
    for name, label, target, times in (
        ("CSV", "validate, CSV", 1.2e6, 18),
        ("Parquet", "validate, Parquet", 1.6e6, 18),
        ("stage", "staging, CSV", 0.5e6, 8),
    ):
        rate = median(rates[name])
        each = ", ".join(f"{one / 1e6:.2f}" for one in rates[name])
        shown = f"{rate / 1e6:.2f} M rows/s ({each}), {rate / polars:.2f} of the bare scan"
        yield line(label, rate, target, shown, f"≥ {target / 1e6:.1f} M rows/s")
        yield line(f"{label}, against the loop", rate / loop, times, f"{rate / loop:.1f} ×", f"≥ {times} ×")


def bench_upload(folder: Path, sink: Sink) -> Iterator[Line]:
    """Delivery from a staged load, the ledger on and durable, against wrk and the plain loops.

    All take turns, round after round, and the medians count: what else the machine does changes from second to second.
    """
    url = f"{sink.url}/events"
    names = ("wrk", "loop", "bare", "run", "cpu", "peak")
    figures: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        done = upload(folder, sink.url, UPLOAD_EVENTS)
        found = (
            measure_wrk(folder, url),
            rivals.rate_of(lambda: rivals.loop_httpx(url)),
            rivals.rate_of(lambda: rivals.loop_pyreqwest(url)),
            float(str(done.output["events_per_s"])),
            done.cpu_seconds / UPLOAD_EVENTS * 1e6,
            done.peak_mb,
        )
        for name, figure in zip(names, found, strict=True):
            figures[name].append(figure)
    wrk, loop, bare, rate, cpu, peak_mb = (median(figures[name]) for name in names)
    yield Line(
        "wrk, 1 thread, 32 connections", f"{wrk:,.0f} events/s" if wrk else "wrk isn't installed", "", ""
    )
    yield Line("a plain loop over httpx.Client", f"{loop:,.0f} events/s", "", "")
    yield Line(
        "httpx.AsyncClient, 32 connections",
        f"{rivals.rate_of(lambda: rivals.loop_httpx_async(url)):,.0f} events/s",
        "",
        "",
    )
    yield Line("pyreqwest straight from a loop, 32 connections", f"{bare:,.0f} events/s", "", "")
    each = ", ".join(f"{figure:,.0f}" for figure in figures["run"])
    yield line(
        "run, from a staged load into the local sink",
        rate,
        25_000,
        f"{rate:,.0f} events/s ({each}), {rate / bare:.2f} of bare pyreqwest",
        "≥ 25,000/s where wrk reaches 112,000",
    )
    if wrk:
        yield line("  against wrk", rate / wrk, 0.22, f"{rate / wrk:.3f}", "≥ 0.22")
    yield line("  against the plain httpx loop", rate / loop, 9, f"{rate / loop:.1f} ×", "≥ 9 ×")
    yield Line("  CPU seconds per million events", f"{cpu:.0f}", "reported", "")
    yield Line("  peak memory", f"{peak_mb:,.0f} MB", "", "")
    if wrk:
        most = measure_wrk(folder, f"{sink.url}/slow/events", connections=512)
        yield Line("wrk, a sink that answers after 50 ms, 512 connections", f"{most:,.0f} events/s", "", "")
    slow = upload(folder, f"{sink.url}/slow", 150_000, concurrency="512")
    rate = float(str(slow.output["events_per_s"]))
    yield line(
        "run, a sink that answers after 50 ms, 512 in flight",
        rate,
        0.9 * 10_240,
        f"{rate:,.0f} events/s",
        "≥ 90 % of 10,240",
    )


def bench_rates(folder: Path, sink: Sink) -> Iterator[Line]:
    """Whether a set rate is kept: within 1 %, and never above it by more than the burst in any second."""
    for wanted in (100, 1_000, 5_000):
        upload(folder, f"{sink.url}/timed", wanted * 20, rate=f"{wanted}/s", before=sink.read_moments)
        moments = sink.read_moments()
        rate = (len(moments) - 1) / (moments[-1] - moments[0])
        busiest, most = most_within_a_second(moments), wanted + burst_of(wanted)
        yield line(
            f"rate {wanted}/s for 20 s",
            abs(rate / wanted - 1),
            0.01,
            f"{rate:,.1f}/s",
            "within 1 %",
            at_most=True,
        )
        # Answers are stamped to the millisecond, so one more may fall into a second than was sent in it.
        yield line(
            "  most in any one second",
            busiest,
            most + 1,
            f"{busiest:,}",
            f"≤ {most:,}, rate + burst",
            at_most=True,
        )


def bench_memory(folder: Path, rows: int, sink: Sink) -> Iterator[Line]:
    """Whether memory is flat, and how soon a big load resumes."""
    peaks: dict[str, list[float]] = {"validate": [], "run": []}
    for size in (1_000_000, rows):
        csv = folder / "big.csv"
        write_csv(csv, size)
        job = write_job(folder, csv, endpoint=sink.url)
        # One trial differs from the next by a tenth, as its threads happen to meet.
        peaks["validate"].append(median(run("validate", "--json", job).peak_mb for _ in range(ROUNDS)))
        peaks["run"].append(median(stage_rows(folder, job).peak_mb for _ in range(ROUNDS)))
    resumed = run("run", "--json", "--limit", 1, "--state-dir", folder / "state", job)
    for command, (small, big) in peaks.items():
        yield line(
            f"peak memory of {command}, {rows / 1e6:g} million rows",
            big,
            600,
            f"{big:,.0f} MB ({small:,.0f} MB at 1 million)",
            "≤ 600 MB",
            at_most=True,
        )
        yield line(
            "  against 1 million rows", big / small, 1.1, f"{big / small:.2f} ×", "within 10 %", at_most=True
        )
    yield line(
        f"resume of {rows / 1e6:g} million rows, first request answered",
        resumed.seconds,
        2,
        f"{resumed.seconds:.2f} s, the whole command",
        "≤ 2 s",
        at_most=True,
    )


def bench_shapes(folder: Path, sink: Sink) -> Iterator[Line]:
    """Whether memory stays what it is where rows are large, many to a line, or few values stand for many."""
    for shape in SHAPES:
        peaks: dict[str, list[float]] = {"validate": [], "run": []}
        for rows in (shape.rows, shape.rows * 4):
            job = shape.write(folder, rows, sink.url)
            peaks["validate"].append(run("validate", "--json", job).peak_mb)
            peaks["run"].append(stage_rows(folder, job).peak_mb)
        for command, (small, big) in peaks.items():
            label = f"peak memory of {command}, {shape.name}, {shape.rows * 4:,} rows"
            shown = f"{big:,.0f} MB ({small:,.0f} MB at {shape.rows:,})"
            yield line(label, big, 600, shown, "≤ 600 MB", at_most=True)
            yield line(
                "  against a quarter of them",
                big / small,
                1.1,
                f"{big / small:.2f} ×",
                "within 10 %",
                at_most=True,
            )


def bench_help() -> Iterator[Line]:
    """How long `backfill --help` takes."""
    seconds = sorted(run("--help").seconds for _ in range(5))[2]
    yield line("backfill --help", seconds, 0.15, f"{seconds * 1000:.0f} ms", "≤ 150 ms", at_most=True)


def stage_rows(folder: Path, job: Path) -> Finished:
    """Stage afresh and send one event."""
    shutil.rmtree(folder / "state", ignore_errors=True)
    # The folder was another one before, which the destination is known to have taken events from.
    return run("run", "--json", "--accept-state", "--limit", 1, "--state-dir", folder / "state", job)


def upload(
    folder: Path,
    endpoint: str,
    events: int,
    *,
    rate: str = "max",
    concurrency: str = '"auto"',
    before: Callable[[], object] = lambda: None,
) -> Finished:
    """Stage `events` events, call `before`, then send them in a run of its own; return that run."""
    csv = folder / "upload.csv"
    write_csv(csv, events + 1)
    job = write_job(folder, csv, endpoint=endpoint, rate=rate, concurrency=concurrency)
    stage_rows(folder, job)
    before()
    done = run("run", "--json", "--state-dir", folder / "state", job)
    assert done.output["sent_now"] == events, done.output
    return done


def measure_wrk(folder: Path, url: str, connections: int = 32) -> float:
    """Return the requests a second that wrk reaches, 0 where it isn't installed."""
    if not (wrk := shutil.which("wrk")):
        return 0.0
    script = folder / "post.lua"
    script.write_text('wrk.method = "POST"\nwrk.body = string.rep("x", 300)\n')
    output = subprocess.run(
        [wrk, "-t1", f"-c{connections}", "-d4s", "-s", script, url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return float(re.search(r"Requests/sec:\s*([\d.]+)", output)[1])  # type: ignore[index]


def most_within_a_second(moments: list[float]) -> int:
    """Return how many of the moments, in order, fall into the busiest second."""
    most, first = 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--big", type=int, default=10_000_000)
    parser.add_argument("--only", choices=["transform", "upload", "rates", "memory", "help"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with run_sink(folder) as sink:
            sections = {
                "transform": lambda: bench_transform(folder, options.rows, sink),
                "upload": lambda: bench_upload(folder, sink),
                "rates": lambda: bench_rates(folder, sink),
                "memory": lambda: (
                    chain(bench_memory(folder, options.big, sink), bench_shapes(folder, sink))
                    if options.big
                    else iter(())
                ),
                "help": bench_help,
            }
            chosen = [options.only] if options.only else list(sections)
            report = list(describe(options.rows, sink))
            print("\n".join(report))
            for section in chosen:
                for measured in sections[section]():
                    report.append(
                        f"| {measured.what} | {measured.measured} | {measured.target} | {measured.verdict} |"
                    )
                    print(report[-1], flush=True)
    ARTEFACTS.mkdir(exist_ok=True)
    (ARTEFACTS / "bench.md").write_text("\n".join(report) + "\n", encoding="utf-8")
    print(f"\nwritten to {ARTEFACTS / 'bench.md'}")


def describe(rows: int, sink: Sink) -> Iterator[str]:
    """Yield the head of the report: machine state, versions, input."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("polars", "pyarrow", "pyreqwest", "httpx"))
    yield (
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} at the start, Python {platform.python_version()}, "
        f"{versions}"
    )
    yield f"input: {rows:,} rows of nine columns; events of about 300 bytes; sink: {sink.kind}"
    yield ""
    yield "| what | measured | target | |"
    yield "|---|---|---|---|"


if __name__ == "__main__":
    main()
