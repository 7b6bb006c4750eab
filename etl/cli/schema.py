"""`backfill schema`: the JSON Schema of job files."""

from pathlib import Path

import click

from etl.errors import StateError
from etl.output import write_output


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it there. [default: standard output]",
)
@click.option(
    "--receipt", "of_receipt", is_flag=True, help="That of a receipt instead: see `backfill receipt`."
)
def schema(output: Path | None, of_receipt: bool) -> None:
    """Print the JSON Schema of the job file, for editors that complete and check by it.

    A job file that `backfill init` wrote names it in its first line, as in `#:schema ./.backfill/job.schema.json`.

    \b
    Exit status:
      0  printed, or written
      2  the command is wrong
      7  the file can't be written
    """  # noqa: D301 - `\b` is click's mark for lines that stay as they are
    import json

    from etl.job.schema import job_schema
    from etl.values.receipt import receipt_schema

    text = json.dumps(receipt_schema() if of_receipt else job_schema(), indent=2, ensure_ascii=False)
    if output is None:
        print(text)
        return
    try:
        output.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"Expected to write the schema, found: {error.strerror} - {output}", "Name another place with -o"
        ) from None
    write_output(output, text + "\n", "the schema", shared=True)
