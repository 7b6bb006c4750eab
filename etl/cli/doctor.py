"""`backfill doctor`: what a run rests on, one line each, and how to mend what is wrong."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.options import echo_json, json_option, place_options, read_key, refuse_both, worst_exit_code
from etl.errors import KeyProblem
from etl.plain import plain_line

if TYPE_CHECKING:
    from etl.doctor.examine import Patient
    from etl.values.symptom import Symptom

__all__ = ["doctor"]

_COLORS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command()
@click.argument("job", type=click.Path(path_type=Path), required=False)
@click.option(
    "--key-file", type=click.Path(path_type=Path), metavar="FILE", help="A file that holds the API key."
)
@place_options
@json_option
def doctor(
    job: Path | None,
    key_file: Path | None,
    sandbox: bool,
    endpoint: str | None,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Check Python, packages, job file, source, state, disk, endpoint, key and clock; say how to mend each.

    To see whether the key is accepted, it is sent with an event that has no fields, which the API can't log: 400 means
    that the key is good, 401 or 403 that it is not. A made-up key is tried beside it, for comparison. Without JOB, only
    what all jobs share is checked.

    \b
    Exit status: 0 where nothing but warnings was found, else that of the worst problem:
      2  the job file or the endpoint is wrong
      4  the input is missing or unreadable
      5  the endpoint doesn't answer
      6  the key is missing or refused
      7  the state folder, the ledger or the disk is at fault
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from etl.doctor.examine import examine

    refuse_both(sandbox=sandbox, endpoint=endpoint)
    found: list[Symptom] = []
    with ExitStack() as stack:
        patient = _describe(stack, job, key_file, endpoint, state_dir, sandbox=sandbox)
        for symptom in examine(patient, os.environ):
            found.append(symptom)
            if not as_json:
                _print(symptom)
                sys.stdout.flush()
    code = worst_exit_code(symptom.exit_code for symptom in found)
    if as_json:
        echo_json({"checks": [symptom.to_json() for symptom in found], "exit_code": code})
    raise click.exceptions.Exit(code)


def _describe(
    stack: ExitStack,
    job: Path | None,
    key_file: Path | None,
    endpoint: str | None,
    state_dir: Path | None,
    *,
    sandbox: bool,
) -> "Patient":
    from etl.doctor.examine import Patient

    if sandbox:
        from etl.sandbox.process import SandboxProcess

        process = stack.enter_context(SandboxProcess())
        return Patient(job, state_dir, process.url, sandbox=True, key=process.api_key)
    try:
        return Patient(job, state_dir, endpoint, key=read_key(key_file))
    except KeyProblem as error:
        return Patient(job, state_dir, endpoint, key_problem=error)


def _print(symptom: "Symptom") -> None:
    from rich.text import Text

    from etl.report.console import open_console

    status = (f"{symptom.status:8}", _COLORS[symptom.status])
    with open_console(sys.stdout) as console:
        console.print(
            Text.assemble(status, f" {symptom.name:10}  {plain_line(symptom.found)}"), soft_wrap=True
        )
        if symptom.fix:
            console.print(Text(f"{'':21}{plain_line(symptom.fix)}"), soft_wrap=True)
