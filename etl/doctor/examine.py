"""Looks at everything that a run rests on, and says of each whether it is well and how to mend it.

Rule: changes nothing, stages nothing, logs no event; one thing that is wrong keeps no other from being looked at.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from etl.doctor.places import check_source, check_state, find_local_files
from etl.doctor.reading import check_reading
from etl.endpoint import parse_endpoint
from etl.errors import BackfillError, EndpointError, Incomplete, JobError, KeyProblem
from etl.intake.clock import CLOCK_FIX, doubt_clock, writing_times
from etl.job.load import load_job
from etl.job.model import DEFAULT_ENDPOINT, Job
from etl.send.key import find_key_variable, key_variables
from etl.send.probe import Probe, judge_key, probe_endpoint
from etl.state.place import JobPlace, mark_for, state_root
from etl.typed import type_command
from etl.values.parameters import NO_PARAMETERS, Parameters
from etl.values.symptom import Symptom
from etl.watch.otel import has_sdk, read_settings

__all__ = ["Patient", "examine"]

LEAST_PYTHON: Final = (3, 11)
MOST_SKEW_SECONDS: Final = 30.0
LEAST_MEMORY_BYTES: Final = 700_000_000
_MEMORY_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_PACKAGES: Final = ("inkeep-backfill", "polars", "pyarrow", "pydantic")


@dataclass(frozen=True, slots=True)
class Patient:
    """What to look at: the job file with its parameters, the place of its state, the endpoint, the key.

    `read_key` returns the key, or None, for the variable that a job names for it; it may raise `KeyProblem`.
    """

    job_path: Path | None = None
    state_dir: Path | None = None
    endpoint: str | None = None
    sandbox: bool = False
    read_key: Callable[[str | None], str | None] = lambda _: None
    parameters: Parameters = NO_PARAMETERS


def examine(
    patient: Patient,
    environ: Mapping[str, str],
    *,
    wall_clock: Callable[[], float] = time.time,
) -> Iterator[Symptom]:
    """Yield what was found, one thing after the other, the slow ones last."""
    yield _check_python()
    yield _check_packages()
    yield from _check_memory()
    if read_settings(environ).traces or read_settings(environ).metrics:
        yield _check_telemetry()
    job: Job | None = None
    if patient.job_path is not None:
        try:
            job = load_job(patient.job_path, patient.parameters)
            yield Symptom("job", "ok", f"{job.name} - {patient.job_path}")
        except JobError as error:
            yield Symptom.of("job", error)
    if job is not None:
        yield check_source(job)
        # Of an endpoint that can't be, what is said of the destination says it; it has no state.
        with suppress(EndpointError):
            mark = mark_for(job, sandbox=patient.sandbox, endpoint=patient.endpoint)
            place = JobPlace.of(job, patient.state_dir, mark)
            yield from check_state(job, place, state_root(job, patient.state_dir))
        yield from _check_notify(job, environ)
    yield from _check_clock(job, wall_clock)
    yield from _check_destination(patient, job, environ, wall_clock)


def _check_python() -> Symptom:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < LEAST_PYTHON:
        return Symptom(
            "python",
            "problem",
            f"expected 3.11 or newer, found {found}",
            "Install a newer Python",
            exit_code=2,
        )
    return Symptom("python", "ok", f"{found} - {sys.executable}")


def _check_packages() -> Symptom:
    found = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    if find_spec("pyreqwest") is None:
        return Symptom(
            "packages",
            "warning",
            f"{found}; no pyreqwest, so sending is slower",
            "Install it: pip install pyreqwest",
        )
    return Symptom("packages", "ok", f"{found}, pyreqwest {_version('pyreqwest')}")


def _check_memory() -> Iterator[Symptom]:
    """Yield what a container's limit of memory means, where it is less than a run may take."""
    for path in _MEMORY_LIMITS:
        try:
            allowed_bytes = int(Path(path).read_text())
        except (OSError, ValueError):  # no container, or "max"
            continue
        if allowed_bytes < LEAST_MEMORY_BYTES:
            found = (
                f"this container may take {allowed_bytes / 1e6:,.0f} MB; a run takes up to 600 MB - {path}"
            )
            yield Symptom(
                "memory",
                "warning",
                found,
                "Allow 800 MB: a run that is killed for memory goes on when run again",
            )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def _check_telemetry() -> Symptom:
    if has_sdk():
        return Symptom("telemetry", "ok", "OTEL_* is set, and OpenTelemetry is installed")
    fix = "Install it: pip install 'inkeep-backfill[otel]'"
    return Symptom("telemetry", "warning", "OTEL_* is set, but OpenTelemetry isn't installed", fix)


def _check_notify(job: Job, environ: Mapping[str, str]) -> Iterator[Symptom]:
    named = [name for name in (job.notify.webhook_env, job.notify.heartbeat_env) if name is not None]
    missing = [name for name in named if not environ.get(name, "").strip()]
    if missing:
        found = f"{' and '.join(missing)} not set, so nobody is told - [notify]"
        yield Symptom("notify", "warning", found, "Set it to the address, or take it out of the job file")
    elif named:
        yield Symptom("notify", "ok", f"{' and '.join(named)} set")


def _check_clock(job: Job | None, wall_clock: Callable[[], float]) -> Iterator[Symptom]:
    """Yield why the clock can't be right, whatever a server says of it."""
    try:
        files = () if job is None else find_local_files(job)
    except BackfillError:  # said of the source
        files = ()
    if (doubt := doubt_clock(datetime.fromtimestamp(wall_clock(), UTC), writing_times(files))) is not None:
        yield Symptom("clock", "warning", doubt, CLOCK_FIX)


def _check_destination(
    patient: Patient, job: Job | None, environ: Mapping[str, str], wall_clock: Callable[[], float]
) -> Iterator[Symptom]:
    endpoint = job.upload.endpoint if job is not None else DEFAULT_ENDPOINT
    key, key_problem = _find_key(patient, job)
    try:
        if patient.endpoint is not None:
            endpoint = patient.endpoint
            parse_endpoint(endpoint, "--endpoint")
        probe = probe_endpoint(endpoint, key, wall_clock=wall_clock)
    except EndpointError as error:
        yield Symptom.of("endpoint", error)
        return
    except KeyProblem as error:
        yield Symptom.of("key", error)
        yield _judge_endpoint(probe_endpoint(endpoint, None, wall_clock=wall_clock))
        return
    yield _judge_endpoint(probe)
    if key_problem is not None:
        yield Symptom.of("key", key_problem)
    else:
        yield _judge_key(patient, job, probe, environ, has_key=key is not None)
    if key is not None and key_problem is None and judge_key(probe) == "accepted":
        yield check_reading(endpoint, key)
    if not probe.failure:
        yield _judge_clock(probe)
        said = ", ".join(f"{name}: {value}" for name, value in probe.rate_headers.items())
        yield Symptom(
            "rate limit", "ok", said or "the server says nothing of one; a run finds out as it goes"
        )


def _judge_endpoint(probe: Probe) -> Symptom:
    if probe.failure:
        fix = "Check the network, the proxy and [upload] endpoint"
        code = EndpointError.exit_code if probe.failure_kind == "tls" else Incomplete.exit_code
        return Symptom(
            "endpoint", "problem", f"no answer: {probe.failure} - {probe.url}", fix, exit_code=code
        )
    verdict, status = judge_key(probe), probe.key_status or probe.made_up_status
    if verdict == "no_events_api":
        found = f"expected 401 or 400 to an event without fields, found {status} - {probe.url}"
        fix = "Check [upload] endpoint: this is not the events API"
        return Symptom("endpoint", "problem", found, fix, exit_code=EndpointError.exit_code)
    if verdict == "unwell":
        found = f"answers, but with {status} - {probe.url}"
        return Symptom("endpoint", "problem", found, "Try again later", exit_code=Incomplete.exit_code)
    return Symptom("endpoint", "ok", f"answers in {probe.round_trip_seconds * 1000:.0f} ms - {probe.url}")


def _find_key(patient: Patient, job: Job | None) -> tuple[str | None, KeyProblem | None]:
    try:
        return patient.read_key(_key_env(job)), None
    except KeyProblem as error:
        return None, error


def _key_env(job: Job | None) -> str | None:
    return job.upload.key_env if job is not None else None


def _judge_key(
    patient: Patient, job: Job | None, probe: Probe, environ: Mapping[str, str], *, has_key: bool
) -> Symptom:
    key_env = _key_env(job)
    source = "the sandbox" if patient.sandbox else find_key_variable(environ, key_env) or "--key-file"
    if not has_key:
        found = f"expected an API key, found none in {', '.join(key_variables(key_env))} or --key-file"
        return Symptom("key", "problem", found, "Set one of them", exit_code=KeyProblem.exit_code)
    if probe.failure:
        return Symptom(
            "key", "warning", f"there is one, from {source}; nobody answered to say whether it is good"
        )
    verdict = judge_key(probe)
    if verdict == "accepted":
        return Symptom("key", "ok", f"accepted, from {source}; no event was logged to find out")
    if verdict == "refused":
        found = f"refused with {probe.key_status}, from {source}"
        fix = "Set a key of this project that may write events"
        return Symptom("key", "problem", found, fix, exit_code=KeyProblem.exit_code)
    found = (
        f"there is one, from {source}; the answers ({probe.made_up_status}, {probe.key_status}) don't tell whether "
        "it is good"
    )
    fix = (
        f"Send one event and see: {type_command('run', '--limit', '1')}"
        if job is not None
        else "Name a job, and send one event of it to see"
    )
    return Symptom("key", "warning", found, fix)


def _judge_clock(probe: Probe) -> Symptom:
    if probe.skew_seconds is None:
        return Symptom("clock", "ok", "the server sends no Date to compare it with")
    ahead = probe.skew_seconds
    if abs(ahead) <= MOST_SKEW_SECONDS:
        return Symptom("clock", "ok", "agrees with the server's, to a second or two")
    found = f"{abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} the server's"
    return Symptom(
        "clock", "warning", found, "Set it: events' own times don't depend on it, limits and schedules do"
    )
