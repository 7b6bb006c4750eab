"""`backfill sandbox`: a local stand-in for the events API, until Ctrl-C."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from etl.sandbox.fault_options import FAULT_OPTIONS, parse_faults

__all__ = ["sandbox"]

_EXIT_STATUS = """\b
Exit status:
  0  stopped with Ctrl-C or a termination signal
  2  an option is wrong, or the port is taken
  7  the store can't be opened
"""


def _with_faults(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(FAULT_OPTIONS):
        if option.metavar is not None:
            add = click.option(f"--{option.name}", metavar=option.metavar, help=option.help)
        elif option.is_on:
            add = click.option(f"--{option.name}/--no-{option.name}", default=True, help=option.help)
        else:
            add = click.option(f"--{option.name}", is_flag=True, help=option.help)
        command = add(command)
    return command


@click.command(epilog=_EXIT_STATUS)
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0 takes any that is free."
)
@click.option(
    "--store",
    type=click.Path(dir_okay=False, path_type=Path),
    help="SQLite file to keep what arrives in, or to go on from. Default: a temporary one.",
)
@_with_faults
def sandbox(host: str, port: int, store: Path | None, **faults: Any) -> None:
    """Run a local stand-in for the events API.

    It checks keys, sizes and every body as the API's contract says, stores events by id, answers queries, and
    counts what really arrived. A SHARE is written like 5%.
    """
    from etl.sandbox.server import Settings, listen, serve, url_of

    settings = Settings(parse_faults(faults), store)
    listener = listen(host, port)
    greeting = _greeting(url_of(listener), store)
    serve(listener, settings, lambda _stop: print(greeting, flush=True))


def _greeting(url: str, store: Path | None) -> str:
    from etl.sandbox.keys import API_KEY, WEB_KEY

    return f"""The sandbox answers at {url} - Ctrl-C stops it.
Keys: {API_KEY} (read and write), {WEB_KEY} (write only). Store: {store or "temporary"}

Send a job's events here:
  export INKEEPANALYTICS_API_INTEGRATION_KEY={API_KEY}
  and in the job file, under [upload]: endpoint = "{url}"

See what arrived:
  curl -s {url}/sandbox/stats
  curl -s '{url}/sandbox/events?limit=10'
  curl -s '{url}/sandbox/attempts?limit=10'"""
