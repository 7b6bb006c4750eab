"""A sandbox in a child process of its own, for `run --sandbox`, the demo and the tests.

The child ends with the `with` block, and with this process however it ends: it watches a pipe that only this
process holds. Standard library only: importing httpx takes 95 ms of a processor, urllib 30 ms, and each run with a
sandbox would pay it.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

from etl.errors import StateError
from etl.sandbox.keys import API_KEY, WEB_KEY

__all__ = ["SandboxProcess"]

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_READ_SECONDS: Final = 60.0
_PACKAGE_ROOT: Final = Path(__file__).parents[2]


class SandboxProcess:
    """A context manager around one running sandbox.

    `options` are those of `backfill sandbox` (`"--rate-limit", "200/s"`). `store` is the SQLite file to keep
    or go on from; None is a temporary one. `port` 0 takes a free one. Raises `StateError` where the child
    doesn't start.
    """

    api_key = API_KEY
    web_key = WEB_KEY

    def __init__(self, *options: str, store: Path | None = None, port: int = 0) -> None:
        self._arguments = ["--port", str(port), *options]
        if store is not None:
            self._arguments += ["--store", str(store)]
        self._child: subprocess.Popen[bytes] | None = None
        # Loopback is never behind a proxy, whatever the environment says.
        self._opener = build_opener(ProxyHandler({}))
        self.url = ""

    def __enter__(self) -> Self:
        # Its own session, so that a Ctrl-C meant for this process doesn't take the sandbox away while it drains.
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "etl.sandbox", *self._arguments],
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._child.stdout is not None
        # A child that neither starts nor ends is ended, and then read to its end as one that ended itself.
        patience = threading.Timer(_START_SECONDS, self._child.kill)
        patience.daemon = True
        patience.start()
        line = self._child.stdout.readline()
        patience.cancel()
        if not line:
            code = self._child.wait()  # it has closed its output, or is killed
            self._release()
            raise StateError(
                f"Expected the sandbox to start, found it gone with exit code {code}",
                "Look at the lines above: the sandbox said why",
            )
        self.url = json.loads(line)["url"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The child's process id."""
        assert self._child is not None
        return self._child.pid

    def stop(self) -> None:
        """Stop the child and wait for its end; once it is stopped, do nothing."""
        if self._child is None:
            return
        assert self._child.stdin is not None
        self._child.stdin.close()
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._release()

    def kill(self) -> None:
        """Kill the child at once, as a crash of the server would end it."""
        assert self._child is not None
        self._child.kill()
        self._child.wait()
        self._release()

    def stats(self) -> dict[str, Any]:
        """Return the counts of `GET /sandbox/stats`."""
        with self._opener.open(f"{self.url}/sandbox/stats", timeout=_READ_SECONDS) as answer:
            stats: dict[str, Any] = json.loads(answer.read())
        return stats

    def events(self, **wanted: str | int) -> Iterator[dict[str, Any]]:
        """Yield the lines of `GET /sandbox/events`; `wanted` are its parameters: limit, after, type."""
        return self._lines("events", wanted)

    def attempts(self, **wanted: str | int) -> Iterator[dict[str, Any]]:
        """Yield the lines of `GET /sandbox/attempts`; `wanted` are its parameters: limit, after."""
        return self._lines("attempts", wanted)

    def _lines(self, name: str, wanted: dict[str, str | int]) -> Iterator[dict[str, Any]]:
        address = f"{self.url}/sandbox/{name}?{urlencode(wanted)}"
        with self._opener.open(address, timeout=_READ_SECONDS) as answer:
            for line in answer:
                yield json.loads(line)

    def _release(self) -> None:
        assert self._child is not None
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._child = None


def _environment() -> dict[str, str]:
    """Return what the child gets: the same package as here wherever it is started, and no real key."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INKEEPANALYTICS_")}
    search_path = [str(_PACKAGE_ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(search_path)}
