import json
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from etl.cli.sandbox import sandbox
from etl.errors import JobError, StateError
from etl.sandbox.keys import WEB_KEY
from tests.sandbox.client import EVENT, post

COMMAND = [sys.executable, "-c", "from etl.cli.sandbox import sandbox; sandbox()", "--port", "0"]


@contextmanager
def started(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert select.select([process.stdout], [], [], 20)[0]
        greeting = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+", greeting)
        assert url, greeting
        yield process, url[0]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_ends_with_0(number: signal.Signals) -> None:
    with started() as (process, url):
        assert post(url, EVENT).status == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
        assert (process.returncode, errors) == (0, "")


def test_it_says_where_it_is_which_keys_it_takes_and_where_to_look() -> None:
    with started() as (process, url):
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        rest = process.stdout.read()
    assert (
        rest
        == f"""\
Keys: sandbox-api-key (read and write), sandbox-web-key (write only). Store: temporary

Send a job's events here:
  export INKEEPANALYTICS_API_INTEGRATION_KEY=sandbox-api-key
  and in the job file, under [upload]: endpoint = "{url}"

See what arrived:
  curl -s {url}/sandbox/stats
  curl -s '{url}/sandbox/events?limit=10'
  curl -s '{url}/sandbox/attempts?limit=10'
"""
    )


def test_faults_and_the_store_are_taken_from_the_options(tmp_path: Path) -> None:
    with started("--fail-first", "1", "--no-dedupe", "--store", str(tmp_path / "s.db")) as (_, url):
        assert [post(url, EVENT, key=WEB_KEY).status for _ in range(3)] == [503, 200, 200]
        with urlopen(f"{url}/sandbox/stats") as answer:
            assert json.loads(answer.read())["stored"] == 2
    assert (tmp_path / "s.db").exists()


def test_a_port_in_use_is_an_error_of_the_command_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = CliRunner().invoke(sandbox, ["--port", str(port)]).exception
    assert isinstance(error, JobError)
    assert error.problem == f"Expected a free port, found `Address already in use` - 127.0.0.1:{port}"


@pytest.mark.parametrize("host", ["0.0.0.0", "example.com", "192.0.2.1"])
def test_a_host_that_others_can_reach_is_refused(host: str) -> None:
    error = CliRunner().invoke(sandbox, ["--port", "0", "--host", host]).exception
    assert isinstance(error, JobError)
    assert error.problem == f"Expected a loopback address, found `{host}` - --host"


def test_a_store_that_is_none_is_an_error_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("a letter to a friend\n" * 100)
    error = CliRunner().invoke(sandbox, ["--port", "0", "--store", str(tmp_path / "letter")]).exception
    assert isinstance(error, StateError)


def test_the_help_ends_with_the_exit_statuses() -> None:
    result = CliRunner().invoke(sandbox, ["--help"])
    assert result.exit_code == 0
    assert result.output.endswith(
        "  Exit status:\n"
        "    0  stopped with Ctrl-C or a termination signal\n"
        "    2  an option is wrong, or the port is taken\n"
        "    7  the store can't be opened\n"
    )


def test_the_help_loads_no_server() -> None:
    code = "import sys, etl.cli.sandbox; print(sorted({'uvicorn', 'starlette', 'jsonschema'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
