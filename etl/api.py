"""The Python API: validate a job, run it, retry its rejects. For notebooks and orchestrators.

    from etl import load_job, run, validate

    job = load_job("jobs/search.toml")
    print(validate(job).findings)
    outcome = run(job, check=True)

Rule: no state outside the job's own folder, nothing printed, no signal handlers but in the main thread. Whatever goes
wrong that a person can mend is one of `etl.errors`.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from etl.api_inspect import JobLike, check_code, check_count, job_of, path_of, refuse_both
from etl.errors import (
    BackfillError,
    DestinationDiffers,
    Incomplete,
    InputError,
    JobError,
    JobLocked,
    KeyProblem,
    LimitReached,
    StateError,
)
from etl.intake.taking import RetryRequest
from etl.job.model import Job, Rate, parse_rate
from etl.private import make_private_folder
from etl.report.progress import SendingView, SilentProgress
from etl.sandbox.process import SandboxProcess
from etl.send.key import find_key
from etl.state.place import Destination, mark_for, state_root
from etl.typed import JobName
from etl.upload.run import RunOptions, run_job
from etl.validation.survey import DryOptions, validate_job
from etl.values.findings import Validation
from etl.values.outcome import Outcome
from etl.watch.sinks import LOGGER_NAME, logger_sink

__all__ = ["ProgressView", "destination_of", "outside_any_loop", "retry", "run", "validate"]

_BY_CODE: Final = {
    kind.exit_code: kind
    for kind in (
        JobError,
        InputError,
        Incomplete,
        KeyProblem,
        StateError,
        JobLocked,
        DestinationDiffers,
        LimitReached,
    )
}
_SETTLED: Final = (0, 3)

# As a library should: what a run logs goes where the program sends it, and nowhere where it says nothing.
logging.getLogger(LOGGER_NAME).addHandler(logging.NullHandler())

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProgressView:
    """How far a run is: rows read so far, or events settled of all those to be sent (`total`, None while reading)."""

    phase: Literal["reading", "sending"]
    done: int
    total: int | None
    rejected: int
    events_per_second: float = 0.0


OnProgress = Callable[[ProgressView], object]


def validate(job: JobLike, *, sample: int | None = None, on_progress: OnProgress | None = None) -> Validation:
    """Return what a run of `job` would do and what is in its way: every row read and checked, nothing sent, no key.

    `sample`: only so many rows of each file. Raises `JobError` for a mapping that doesn't fit the files, `InputError`
    for files that can't be read, and what `on_progress` raises.
    """
    check_count(sample, "sample")
    parsed = job_of(job)
    JobName(str(parsed.path)).speak()
    return validate_job(parsed, DryOptions(sample=sample), _Reporting(on_progress))


def run(
    job: JobLike,
    *,
    key: str | None = None,
    sandbox: bool = False,
    endpoint: str | None = None,
    rate: str | float | None = None,
    limit: int | None = None,
    accept_new_mapping: bool = False,
    accept_state: bool = False,
    take_skipped: bool = False,
    canary: int | None = None,
    probe_dedupe: bool = False,
    on_uncertain: Literal["ask", "resend"] | None = None,
    state_dir: str | os.PathLike[str] | None = None,
    check: bool = False,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Stage what is new of `job`, send what is pending, and return what came of it. Calling it again goes on where it
    stopped.

    `key`: the API key; without it the environment's (INKEEPANALYTICS_API_INTEGRATION_KEY, else
    INKEEPANALYTICS_WEB_INTEGRATION_KEY; of a job with `key_env`, that variable's). `sandbox`: a local stand-in for the
    API, which needs none. `rate`: at most so fast, as "20/s" or events a second. `limit`: at most so many events.
    `accept_new_mapping`: go on though the mapping changed after events were delivered; `remapped` of the outcome says
    what that came to. `accept_state`: go on though more was delivered than this state knows, which is sent again with
    the same ids. `take_skipped`: also take rows that an earlier filter skipped. `canary`: so many events that stand for
    a new load go first, and the others only if those are there as they were sent (0: none, None: as the job says);
    `probe_dedupe`: one of them is sent twice, to see what becomes of it. `on_uncertain`: what may be stored although no
    answer proves it is asked for first, or sent again (None: as the job says). `check`: raise unless every row is
    settled. `on_progress` is called now and then, from any thread; what it raises stops the run, resumable, and is
    raised here.

    Raises `JobLocked` where another run holds the job, `KeyProblem` without a key, `StateError` for a fault of the
    disk, `JobError` for a job or an argument that can't be; other errors only with `check`: else the outcome tells of
    them.
    """
    if canary != 0:
        check_count(canary, "canary")
    request = _Request(key, sandbox, endpoint, rate, limit, on_uncertain, state_dir, check, on_progress)
    return _run(
        job_of(job),
        request,
        accept_new_mapping=accept_new_mapping,
        accept_state=accept_state,
        take_skipped=take_skipped,
        canary=canary,
        probe_dedupe=probe_dedupe,
        command="etl.run",
    )


def retry(
    job: JobLike,
    *,
    rows_from: str | os.PathLike[str] | None = None,
    code: str | None = None,
    most: int | None = None,
    as_edited: bool = False,
    accept_state: bool = False,
    key: str | None = None,
    sandbox: bool = False,
    endpoint: str | None = None,
    rate: str | float | None = None,
    on_uncertain: Literal["ask", "resend"] | None = None,
    state_dir: str | os.PathLike[str] | None = None,
    check: bool = False,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Send rejects of `job` again, after it or the rows were mended, and return what came of it.

    `rows_from`: a file that `backfill rejects` wrote and a person edited; without it the rows are taken as they were.
    `code`: only those with it; `most`: at most so many. `as_edited`: cells that a spreadsheet seems to have changed are
    meant so. The other arguments, and what it raises, are those of `run`.
    """
    check_code(code)
    check_count(most, "most")
    file = None if rows_from is None else path_of(rows_from, "a file as rows_from", "Give its path")
    request = _Request(key, sandbox, endpoint, rate, None, on_uncertain, state_dir, check, on_progress)
    wanted = RetryRequest(file, code, most, as_edited=as_edited)
    return _run(job_of(job), request, retry=wanted, accept_state=accept_state, command="etl.retry")


@dataclass(frozen=True, slots=True)
class _Request:
    """What `run` and `retry` are asked for alike."""

    key: str | None
    sandbox: bool
    endpoint: str | None
    rate: str | float | None
    limit: int | None
    on_uncertain: Literal["ask", "resend"] | None
    state_dir: str | os.PathLike[str] | None
    check: bool
    on_progress: OnProgress | None


def _run(job: Job, request: _Request, **options: Any) -> Outcome:
    refuse_both(request.endpoint, sandbox=request.sandbox)
    JobName(str(job.path), request.sandbox, request.endpoint, request.state_dir).speak()
    check_count(request.limit, "limit")
    if request.on_uncertain not in (None, "ask", "resend"):
        raise JobError(
            f'Expected "ask" or "resend", found `{request.on_uncertain}` - on_uncertain',
            "Leave it out to do as the job says",
        )
    stop = threading.Event()
    speed = _rate_of(request.rate) or (Rate(None) if request.sandbox else None)
    folder = (
        None
        if request.state_dir is None
        else path_of(request.state_dir, "a folder as state_dir", "Give its path")
    )
    sinks = (logger_sink(logging.getLogger(LOGGER_NAME)),)
    how = RunOptions(
        folder, speed, request.limit, on_uncertain=request.on_uncertain, stop=stop, sinks=sinks, **options
    )
    progress = _Reporting(request.on_progress, stop)
    with ExitStack() as stack:
        destination = destination_of(
            job, stack, request.key, request.endpoint, folder, sandbox=request.sandbox
        )
        outcome = outside_any_loop(lambda: run_job(job, destination, how, progress), stop)
    progress.raise_again()
    if request.check and outcome.exit_code not in _SETTLED:
        raise _error_of(outcome)
    return outcome


def _rate_of(rate: str | float | None) -> Rate | None:
    try:
        return None if rate is None else parse_rate(rate if isinstance(rate, str) else f"{rate:f}/s")
    except ValueError as error:
        raise JobError(f"Expected {error}, found `{rate}` - rate", 'As in: rate="20/s"') from None


def destination_of(
    job: Job,
    stack: ExitStack,
    key: str | None,
    endpoint: str | None,
    state_dir: Path | None,
    *,
    sandbox: bool,
) -> Destination:
    """Return where events go; a sandbox lives as long as `stack`."""
    mark = mark_for(job, sandbox=sandbox, endpoint=endpoint)
    if not sandbox:
        key_env = job.upload.key_env
        return Destination(
            endpoint or job.upload.endpoint, key or find_key(os.environ, key_env), mark, key_env
        )
    root = state_root(job, state_dir)
    make_private_folder(root)
    process = stack.enter_context(SandboxProcess(store=root / "sandbox.db"))
    return Destination(process.url, process.api_key, mark)


def outside_any_loop(work: Callable[[], T], stop: threading.Event) -> T:
    """Return what `work` returns; where this thread already runs an event loop, as in a notebook, in another thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    answers: list[Any] = []

    def call() -> None:
        try:
            answers.append((work(), None))
        except BaseException as error:  # noqa: BLE001 - raised again where it belongs
            answers.append((None, error))

    thread = threading.Thread(target=copy_context().run, args=(call,), name="backfill run")
    thread.start()
    try:
        thread.join()  # it ends as the run ends, whose waits have bounds of their own
    except BaseException:
        # The notebook's stop button: drain, then let it have its way.
        stop.set()
        thread.join()
        raise
    [(answer, error)] = answers
    if error is not None:
        raise error
    found: T = answer
    return found


def _error_of(outcome: Outcome) -> BackfillError:
    """Return the error that `outcome` stands for: an interrupt, too, only means that the same call goes on."""
    kind = _BY_CODE.get(outcome.exit_code, Incomplete)
    problem = outcome.message or f"Expected the run to end, found it {outcome.state} - {outcome.job}"
    return kind(tuple(problem.split("\n")), outcome.fix or "Run it again: it goes on where it stopped")


class _Reporting(SilentProgress):
    """Tells a function how far a run is; an exception of the function stops the run."""

    def __init__(self, tell: OnProgress | None, stop: threading.Event | None = None) -> None:
        self._tell, self._stop = tell, stop
        self._raised: BaseException | None = None

    def read(self, rows: int, rejected: int) -> None:
        """Tell how many rows are read."""
        self._call(ProgressView("reading", rows, None, rejected))

    def send(self, view: SendingView) -> None:
        """Tell how far the sending is."""
        self._call(ProgressView("sending", view.done, view.total, view.rejected, view.per_second))

    def raise_again(self) -> None:
        """Raise what the function raised, if it did."""
        if self._raised is not None:
            raise self._raised

    def _call(self, view: ProgressView) -> None:
        if self._tell is None or self._raised is not None:
            return
        try:
            self._tell(view)
        except BaseException as error:
            if self._stop is None:
                raise
            self._raised = error
            self._stop.set()
