"""`backfill verify --receipt`: asks the destination for the events of a receipt, without a job and without a state."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from etl.cli.options import Target, echo_json, say
from etl.errors import JobError

if TYPE_CHECKING:
    from etl.proof.verify_job import VerifyOptions
    from etl.state.place import Destination

__all__ = ["verify_claim"]

PROGRESS_SECONDS: Final = 10.0


def verify_claim(
    path: Path,
    ids: Path | None,
    options: "VerifyOptions",
    target: Target,
    output: Path | None,
    *,
    jobs: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> NoReturn:
    """Verify the receipt at `path`, say what was found, and exit."""
    from etl.proof.verify_receipt import read_claim, verify_receipt
    from etl.report.receipt_check import receipt_check_lines
    from etl.witness.choose import largest_missing_share

    if jobs:
        raise JobError("Expected JOB... or --receipt FILE, found both", "Leave one of them out")
    if options.repair:
        raise JobError(
            "Expected a job beside --repair, found a receipt, which holds no contents",
            "Repair where the state is: backfill verify --repair JOB",
        )
    claim = read_claim(path, ids)
    with ExitStack() as stack:
        destination = _find_destination(stack, target, path, claim.receipt.endpoint)
        found = verify_receipt(claim, destination, options, _shower(path, quiet=quiet), output=output)
    if as_json:
        echo_json(found.to_json())
    else:
        proves = found.is_sample and found.asked and not found.missing
        share = largest_missing_share(found.asked) if proves else None
        say(receipt_check_lines(found, share=share), error=found.exit_code not in (0, 9))
    raise click.exceptions.Exit(found.exit_code)


def _find_destination(stack: ExitStack, target: Target, path: Path, sent_to: str) -> "Destination":
    from etl.endpoint import parse_endpoint
    from etl.job.upload_spec import DEFAULT_ENDPOINT
    from etl.state.place import SANDBOX_MARK, Destination

    if target.sandbox:
        from etl.sandbox.process import SandboxProcess

        store = _find_store(path, target.state_dir)
        process = stack.enter_context(SandboxProcess(store=store))
        return Destination(process.url, process.api_key, SANDBOX_MARK)
    # A receipt is a file of somebody else's: the key goes nowhere because a file says so.
    if target.endpoint is None and sent_to != DEFAULT_ENDPOINT:
        named = (
            "a rehearsal, which went to the sandbox"
            if sent_to == SANDBOX_MARK
            else f"events sent to {sent_to}"
        )
        fix = "--sandbox" if sent_to == SANDBOX_MARK else f"--endpoint {sent_to}"
        raise JobError(
            f"Expected a receipt of events sent to {DEFAULT_ENDPOINT}, found one of {named} - {path}",
            f"If that is where the key is meant to go, say so: {fix}",
        )
    endpoint = target.endpoint or DEFAULT_ENDPOINT
    parse_endpoint(endpoint, "--endpoint")
    return Destination(endpoint, target.read_key(None))


def _find_store(path: Path, state_dir: Path | None) -> Path:
    """Return the sandbox's store: in the state folder, which is above the receipt or beside it."""
    folder = path.absolute().parent
    above = [folder.parent.parent] if folder.name == "receipts" else []
    places = [state_dir] if state_dir else [*above, folder / ".backfill"]
    store = next((place / "sandbox.db" for place in places if (place / "sandbox.db").exists()), None)
    if store is None:
        raise JobError(
            f"Expected the store of the sandbox, found none - {places[-1] / 'sandbox.db'}",
            "Say where the state of the rehearsal is: --state-dir DIR",
        )
    return store


def _shower(path: Path, *, quiet: bool) -> Callable[[int, int], None]:
    next_at = [time.monotonic() + PROGRESS_SECONDS]

    def show(asked: int, total: int) -> None:
        if not quiet and time.monotonic() >= next_at[0]:
            next_at[0] = time.monotonic() + PROGRESS_SECONDS
            say([f"{path}: {asked:,} of {total:,} events asked for"], error=True)

    return show
