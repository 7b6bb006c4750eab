"""`backfill init`: from files to a job file that runs."""

import sys
from pathlib import Path

import click

from etl.cli.options import echo_json, json_option
from etl.errors import JobError, StateError
from etl.output import check_output, write_output


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="JOB",
    help="The job file to write. [default: NAME.toml]",
)
@click.option(
    "--preset", metavar="NAME", help="An export by name, as in mixpanel; --list-presets names them all."
)
@click.option("--timezone", metavar="ZONE", help="The clock of local times, as in America/New_York.")
@click.option("--force", is_flag=True, help="Replace a job file that is there.")
@click.option(
    "--list-presets",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda *a: _list_presets(*a),
    help="List the presets.",
)
@click.option(
    "--list-types",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda *a: _list_types(*a),
    help="List the event types that the API's own widgets send.",
)
@json_option
def init(
    files: tuple[str, ...],
    output: Path | None,
    preset: str | None,
    timezone: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Look at a sample of the files and write a job file for them, with every choice explained.

    All FILEs are of one kind: the job reads them all. Where the files can't tell something, as the zone of local
    times, a line marked CHECK in the job file says what, and so does the output.

    \b
    Exit status:
      0   written
      2   the command is wrong, or the job file is there already
      4   a file is missing or unreadable
      7   the job file can't be written
      11  written, but no column holds times that can be read
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    from datetime import UTC, datetime

    from etl.report.console import open_console
    from etl.report.init import print_start
    from etl.scaffold.init import StartOptions, start_job
    from etl.scaffold.naming import name_job

    path = output or Path(f"{name_job(files[0])}.toml")
    if path.exists() and not force:
        raise JobError(
            f"Expected a new file, found one that is there - {path}",
            "Name another with -o, or add --force to replace it",
        )
    check_output(path, "the job file")
    schema = Path(".backfill") / "job.schema.json"
    start = start_job(files, StartOptions(path, preset, timezone, f"./{schema}"), started=datetime.now(UTC))
    write_output(path, start.text, "the job file", shared=True)
    try:
        write_schema(path.parent / schema)
    except OSError as error:
        raise StateError(
            f"Expected to write the schema beside the job file, found: {error.strerror} - {path.parent / schema}",
            "Name another place with -o",
        ) from None
    if as_json:
        echo_json(start.to_json())
    else:
        with open_console(sys.stdout) as console:
            print_start(start, console)
    sys.exit(start.exit_code)


def write_schema(path: Path) -> None:
    """Write the JSON Schema of job files, where editors find it by the job file's first line."""
    import json

    from etl.job.schema import job_schema

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(json.dumps(job_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _list_presets(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from etl.guess.presets import PRESETS

    for name, preset in PRESETS.items():
        print(f"{name:<16} {preset.title}")
    context.exit()


def _list_types(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from etl.event_types import EVENT_TYPES

    width = max(len(name) for types in EVENT_TYPES.values() for name in types)
    for entity_type, types in EVENT_TYPES.items():
        for name, meaning in types.items():
            print(f"{entity_type:<12} {name:<{width}}  {meaning}")
    context.exit()
