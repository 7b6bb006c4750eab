"""The child process of `etl.sandbox.process`: serves until its standard input ends.

Prints one line of JSON once it answers requests, then nothing. Standard input is a pipe whose other end only the
parent holds: when the parent dies, however it dies, the pipe ends and so does this.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from etl.errors import BackfillError
from etl.sandbox.fault_options import FAULT_OPTIONS, parse_faults
from etl.sandbox.keys import API_KEY, WEB_KEY

_LAST_SECONDS = 5.0


def main(arguments: list[str]) -> int:
    """Serve as `arguments` say, and return the exit code."""
    given = vars(_parser().parse_args(arguments))
    from etl.sandbox.server import Settings, listen, serve, url_of

    try:
        settings = Settings(parse_faults(given), given["store"])
        listener = listen(given["host"], given["port"])
        serve(listener, settings, partial(_announce, url_of(listener)))
    except BackfillError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m etl.sandbox", allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--store", type=Path)
    for option in FAULT_OPTIONS:
        action = argparse.BooleanOptionalAction if option.metavar is None else "store"
        parser.add_argument(f"--{option.name}", action=action)
    return parser


def _announce(url: str, stop: Callable[[], None]) -> None:
    line = {"url": url, "api_key": API_KEY, "web_key": WEB_KEY, "pid": os.getpid()}
    # Bytes: the parent reads UTF-8, whatever encoding the environment asks for.
    sys.stdout.buffer.write(json.dumps(line).encode() + b"\n")
    sys.stdout.buffer.flush()
    threading.Thread(target=_stop_at_end_of_input, args=(stop,), daemon=True).start()


def _stop_at_end_of_input(stop: Callable[[], None]) -> None:
    # Bytes are read unbuffered: a buffered reader's lock, held at exit, would be fatal.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop()
    time.sleep(_LAST_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
