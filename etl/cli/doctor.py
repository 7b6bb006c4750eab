"""`backfill doctor`: what a run rests on, one line each, and how to mend what is wrong."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.options import Target, echo_json, json_option, key_option, target_options, worst_exit_code
from etl.plain import plain_line

if TYPE_CHECKING:
    from etl.doctor.examine import Patient
    from etl.values.symptom import Symptom

__all__ = ["doctor"]

_COLORS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command()
@click.argument("job", type=click.Path(path_type=Path), required=False)
@key_option
@target_options
@json_option
def doctor(
    job: Path | None,
    target: Target,
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

    target.check()
    found: list[Symptom] = []
    if job is not None:
        target.name_of(job).speak()
    with ExitStack() as stack:
        patient = _describe(stack, job, target)
        for symptom in examine(patient, os.environ):
            found.append(symptom)
            if not as_json:
                _print(symptom)
                sys.stdout.flush()
    code = worst_exit_code(symptom.exit_code for symptom in found)
    if as_json:
        echo_json({"checks": [symptom.to_json() for symptom in found], "exit_code": code})
    raise click.exceptions.Exit(code)


def _describe(stack: ExitStack, job: Path | None, target: Target) -> "Patient":
    from etl.doctor.examine import Patient

    if target.sandbox:
        from etl.sandbox.process import SandboxProcess

        process = stack.enter_context(SandboxProcess())
        return Patient(
            job,
            target.state_dir,
            process.url,
            sandbox=True,
            read_key=lambda _: process.api_key,
            parameters=target.parameters,
        )
    return Patient(
        job, target.state_dir, target.endpoint, read_key=target.read_key, parameters=target.parameters
    )


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
