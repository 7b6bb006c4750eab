"""The command line: one file a command; what goes wrong becomes a message and an exit code here, in one place."""

import importlib
import os
import sys
import time
import traceback
from typing import Final

import click

from etl.cli.machine import check_machine, loads_polars
from etl.cli.streams import OutputLost, Streams, prints_only
from etl.errors import BackfillError, StateError
from etl.machine_faults import explain_fault

__all__ = ["backfill", "main"]

# Imported only when it is called: `--help` loads no Polars. The text is the first line of the command's own help.
COMMANDS: Final = {
    "init": "Look at a sample of the files and write a job file for them, with every choice explained.",
    "preview": "Show the first rows beside the events they become. Sends nothing.",
    "validate": "Check every row without a network or a key: what would be sent, what would be rejected.",
    "run": "Stage what is new, send what is pending; running it again resumes.",
    "status": "Say where a job stands, also while it runs.",
    "rejects": "Write the error report: file, row, code, reason, fix, and every original column.",
    "retry": "Send rejects again, after the job or the rows were mended.",
    "dismiss": "Close rejects that nobody will mend, for a reason that stays on record.",
    "verify": "Ask the destination for every event that was delivered, by id, and compare.",
    "adopt": "Count as delivered what the destination holds already; sends nothing.",
    "receipt": "Write what a load delivered as one JSON document that an auditor can keep and check.",
    "reset": "Forget what a job has staged and sent, so that it starts over.",
    "loads": "List the loads of a job: files, rows, times, and the runs that worked on each with their exit codes.",
    "doctor": "Check Python, packages, job file, source, state, disk, endpoint, key and clock; say how to mend each.",
    "sandbox": "Run a local stand-in for the events API.",
    "schema": "Print the JSON Schema of the job file, for editors that complete and check by it.",
    "completion": "Print what makes a shell complete commands, options and file names.",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"etl.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            import difflib

            guess = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"Did you mean `{guess[0]}`?" if guess else "See `backfill --help` for the commands."
            ctx.fail(f"Expected a command, found `{args[0]}`. {hint}")


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: backfill init FILE. Then: backfill preview JOB, validate JOB, run --sandbox JOB.",
)
@click.version_option(package_name="inkeep-backfill", prog_name="backfill")
def backfill() -> None:
    """Upload historical logs to the Inkeep Analytics events API.

    A job file (TOML) says which files, which column becomes which field, and how fast. Every row becomes an event
    with its own time and a deterministic id, or a reject with a reason. Killed at any moment, the same command
    goes on where it stopped.
    """


def main() -> None:
    """Run the command line and exit with its code."""
    streams = Streams(prints_only=prints_only(sys.argv[1:]))
    code = 1
    try:
        code = _run()
    finally:
        code = streams.give_back(code)
    sys.exit(code)


def _run() -> int:
    """Run the command that the arguments name; whatever it ends with becomes a message and the exit code."""
    try:
        _check_clock()
        if loads_polars(sys.argv[1:]) and "_BACKFILL_COMPLETE" not in os.environ:
            check_machine()
        code = backfill.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except SystemExit as stop:  # of click's completion
        code = stop.code
    except click.ClickException as error:
        error.show()
        code = 2
    except click.Abort:
        print("stopped", file=sys.stderr)
        code = 130
    except OutputLost:
        code = 0  # what that means, `Streams` says
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    except BaseException as error:  # noqa: BLE001 - the last resort; a panic of Polars is no Exception
        code = _report_fault(explained) if (explained := explain_fault(error)) else _report_bug()
    return code if isinstance(code, int) else 0


def _check_clock() -> None:
    """Raise `StateError` where the clock stands at a time that neither Python nor any library can count."""
    try:
        time.time()
    except OverflowError:
        raise StateError(
            "Expected a clock between the years 1970 and 2262, found it beyond",
            "Set the clock, then run it again",
        ) from None


def _report_fault(error: BackfillError) -> int:
    print(error, file=sys.stderr)
    return error.exit_code


def _report_bug() -> int:
    """Print the error that is being handled, as one that only the makers can mend; return the exit code."""
    traceback.print_exc()
    print(
        "This is a bug in backfill. Nothing that was delivered is forgotten: running again goes on.\n"
        "Please report it with the lines above.",
        file=sys.stderr,
    )
    return 1
