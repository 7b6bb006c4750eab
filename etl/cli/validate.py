"""`backfill validate`: check every row, send nothing."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from etl.cli.options import (
    check_charts,
    echo_json,
    jobs_argument,
    json_option,
    quiet_option,
    say,
    worst_exit_code,
)
from etl.cli.parameters import check_parameters, parameter_option, window_options
from etl.errors import BackfillError, JobError
from etl.output import check_output, write_output
from etl.typed import JobName
from etl.values.parameters import Parameters

if TYPE_CHECKING:
    from datetime import datetime

    from etl.validation.survey import DryOptions
    from etl.values.findings import Validation

_FILE = click.Path(path_type=Path, dir_okay=False)
EXIT_FINDINGS = 3


@dataclass(frozen=True, slots=True)
class _Outputs:
    html: Path | None
    junit: Path | None
    annotate: Literal["github"] | None
    as_json: bool


@click.command()
@jobs_argument
@click.option(
    "--sample", type=click.IntRange(min=1), metavar="N", help="Only the first N rows or so of each file."
)
@click.option(
    "--fail-on",
    type=click.Choice(["reject", "warn"]),
    default="reject",
    show_default=True,
    help="What makes the exit status 3.",
)
@click.option(
    "--rejects-out", type=_FILE, metavar="FILE", help="Write the rejects there: .jsonl, .csv or .parquet."
)
@click.option(
    "--html", type=_FILE, metavar="FILE", help="Write a report with charts, one page that needs no network."
)
@click.option("--junit", type=_FILE, metavar="FILE", help="Write the findings as JUnit XML, for a CI system.")
@click.option(
    "--annotate", type=click.Choice(["github"]), help="Print the findings as annotations of a CI system."
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where state is kept. [default: .backfill beside the job file]",
)
@window_options
@parameter_option
@json_option
@quiet_option
def validate(
    jobs: tuple[Path, ...],
    sample: int | None,
    fail_on: str,
    rejects_out: Path | None,
    html: Path | None,
    junit: Path | None,
    annotate: Literal["github"] | None,
    state_dir: Path | None,
    since: "datetime | None",
    until: "datetime | None",
    parameters: Parameters,
    as_json: bool,
    quiet: bool,
) -> None:
    """Check every row without a network or a key: what would be sent, what would be rejected.

    Findings are grouped by cause, most costly first, each with examples and with the line of the job file, or the cell,
    that mends it.

    \b
    Exit status:
      0   clean: every row would be sent, is a duplicate, or is skipped
      2   the command or the job file is wrong
      3   there are rejects, or warnings with --fail-on warn
      4   the input is missing or unreadable
      7   the disk has no room for the report or for temporary files
      10  more rejects than the job allows
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    check_charts(html)
    if len(jobs) > 1 and (html or rejects_out):
        raise JobError(
            "Expected one job with --html or --rejects-out, found several",
            "Validate one job at a time, or leave the option out",
        )
    for path, what in ((html, "the page"), (junit, "the JUnit report"), (rejects_out, "the rejects")):
        check_output(path, what)
    from etl.validation.survey import DryOptions

    options = DryOptions(sample, rejects_out, state_dir)
    check_parameters(parameters, jobs)
    parameters = replace(parameters, since=since, until=until)
    names = [JobName(str(path), state_dir=state_dir, settings=parameters.given) for path in jobs]
    found = [_validate_one(name, parameters, options, quiet=quiet or as_json) for name in names]
    if fail_on == "warn":
        found = [_fail_on_warnings(validation) for validation in found]
    code = worst_exit_code(validation.outcome.exit_code for validation in found)
    _write(found, names, _Outputs(html, junit, annotate, as_json), code)
    raise click.exceptions.Exit(code)


def _validate_one(
    called: JobName, parameters: Parameters, options: "DryOptions", *, quiet: bool
) -> "Validation":
    from etl.job.load import load_job
    from etl.report.progress import choose_progress
    from etl.validation.reject_file import check_rejects_path
    from etl.validation.survey import validate_job
    from etl.values.findings import Validation
    from etl.values.outcome import Outcome

    if options.rejects_out is not None:
        check_rejects_path(options.rejects_out)
    path = Path(called.path)
    name = path.stem
    called.speak()
    try:
        job = load_job(path, parameters)
        name = job.name
        return validate_job(job, options, choose_progress(name, quiet=quiet))
    except BackfillError as error:
        return Validation(Outcome(name, "failed", error.exit_code, message=error.problem, fix=error.fix))


def _fail_on_warnings(validation: "Validation") -> "Validation":
    if validation.outcome.exit_code or not validation.has_warnings:
        return validation
    return replace(validation, outcome=replace(validation.outcome, exit_code=EXIT_FINDINGS))


def _write(found: Sequence["Validation"], names: Sequence[JobName], outputs: _Outputs, code: int) -> None:
    if outputs.junit is not None:
        from etl.report.ci import junit_xml

        write_output(outputs.junit, junit_xml(found), "the JUnit report")
    if outputs.html is not None and found[0].forecast is not None:
        from datetime import UTC, datetime

        from etl.report.html.pages import render_validation_page

        write_output(outputs.html, render_validation_page(found[0], datetime.now(UTC)), "the page")
    if outputs.as_json:
        echo_json(
            found[0].to_json()
            if len(found) == 1
            else {"jobs": [v.to_json() for v in found], "exit_code": code}
        )
        return
    for position, (name, validation) in enumerate(zip(names, found, strict=True)):
        if position:
            say([""])
        _print(validation, name)
    if outputs.annotate == "github":
        from etl.report.ci import Place, github_annotations

        root = _find_root(Path.cwd().resolve())
        for name, validation in zip(names, found, strict=True):
            say(github_annotations(validation, Place(root, Path(name.path).resolve())))
    if outputs.html is not None and found[0].forecast is not None:
        say([f"The report: {outputs.html}"])


def _find_root(folder: Path) -> Path:
    """Return the folder that annotations name files from: the repository's own, else the one the command runs in."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)


def _print(validation: "Validation", name: JobName) -> None:
    from etl.report.console import open_console
    from etl.report.validation import print_validation

    if validation.forecast is None:
        say([*validation.outcome.message.split("\n"), validation.outcome.fix], error=True)
        return
    with open_console(sys.stdout) as console:
        print_validation(validation, console, name=name)
