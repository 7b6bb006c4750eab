"""An endpoint that can't be is refused by every command before anything is written, and no secret in it is shown or
kept.
"""

from pathlib import Path
from typing import Any

import pytest

from etl.api import run
from etl.errors import EndpointError
from etl.send.connect import open_transport
from etl.state.place import SANDBOX_MARK, mark_of
from tests.workbench import call, write_job

BAD = {
    "user and password": "https://user:CANARY@api.example.com",
    "user alone": "https://CANARY@api.example.com",
    "password with a slash": "https://user:8/CANARY@api.example.com",
    "query": "https://api.example.com/?key=CANARY",
    "fragment": "https://api.example.com/#CANARY",
    "control character": "https://api.example.com/\x1bCANARY",
    "port out of range": "https://api.example.com:99999",
    "port 0": "https://api.example.com:0",
    "beyond ASCII": "https://exämple.com",
    "another scheme": "CANARY://api.example.com",
    "plain http elsewhere": "http://api.example.com",
}
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("run", "--quiet"),
    ("status",),
    ("loads",),
    ("rejects",),
    ("retry", "--quiet"),
    ("reset", "--yes"),
    ("doctor",),
)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", "CANARY-c0ffee")


def nothing_written(folder: Path) -> bool:
    return sorted(path.name for path in folder.iterdir()) == ["docs.toml", "log.csv"]


@pytest.mark.parametrize("how", BAD)
@pytest.mark.parametrize("command", [*COMMANDS, ("validate",), ("preview",)], ids=lambda command: command[0])
def test_every_command_refuses_it_in_the_job_file(tmp_path: Path, command: tuple[str, ...], how: str) -> None:
    quoted = BAD[how].replace("\x1b", "\\u001b")
    job = write_job(tmp_path, 3, upload=f'endpoint = "{quoted}"')
    if command[0] == "doctor":
        command = ("doctor", "--sandbox")
    said = call(*command, job)
    assert said.code == 2, said
    assert "[upload] endpoint" in said.out + said.err
    assert "CANARY" not in said.out + said.err
    assert command[0] == "doctor" or nothing_written(tmp_path)


@pytest.mark.parametrize("how", BAD)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_refuses_it_as_a_flag(tmp_path: Path, command: tuple[str, ...], how: str) -> None:
    job = write_job(tmp_path, 3)
    said = call(*command, "--endpoint", BAD[how], job)
    assert said.code == 2, said
    assert "CANARY" not in said.out + said.err
    assert nothing_written(tmp_path)


def test_the_flag_and_the_key_of_the_file_are_told_apart(tmp_path: Path) -> None:
    job = write_job(tmp_path, 3)
    assert call("run", "--endpoint", BAD["user and password"], job).err == (
        "Expected an endpoint without credentials, found an `@`, as after a user or a password - --endpoint\n"
        "Take them out of the URL; the key comes from the environment or --key-file\n"
    )
    job = write_job(tmp_path, 3, upload=f'endpoint = "{BAD["plain http elsewhere"]}"')
    assert call("validate", job).err.startswith(
        "Expected an https endpoint, found http to `api.example.com` - [upload] endpoint, "
    )


@pytest.mark.parametrize("how", BAD)
def test_python_refuses_it(tmp_path: Path, how: str) -> None:
    job = write_job(tmp_path, 3)
    with pytest.raises(EndpointError) as caught:
        run(job, endpoint=BAD[how])
    assert "CANARY" not in str(caught.value)
    assert nothing_written(tmp_path)


@pytest.mark.parametrize("kind", ["pyreqwest", "httpx"])
@pytest.mark.parametrize(
    ("proxy", "found"),
    [
        ("socks5://user:CANARY@127.0.0.1:9", "one with the scheme `socks5`"),
        ("socks5h://127.0.0.1:9", "one with the scheme `socks5h`"),
        ("https://", "no address"),
        ("http://127.0.0.1:99999", "an address that can't be read"),
        ("garbage CANARY", "no address"),
        ("http://[::1", "an address that can't be read"),
    ],
)
def test_a_proxy_that_can_not_be_used_is_refused_and_not_gone_around(
    monkeypatch: pytest.MonkeyPatch, kind: Any, proxy: str, found: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("https_proxy", raising=False)
    with pytest.raises(EndpointError) as caught:
        open_transport("https://api.example.com", "CANARY-c0ffee", 5, 8, kind)
    assert str(caught.value) == (
        f"Expected a proxy like `http://proxy.example.com:8080`, found {found} - environment variable HTTPS_PROXY\n"
        "Correct or unset HTTPS_PROXY, or name api.example.com in NO_PROXY: no request goes around a proxy"
    )


def test_a_proxy_that_can_not_be_used_is_told_before_anything_is_staged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.delenv("https_proxy", raising=False)
    said = call("run", "--quiet", write_job(tmp_path, 3))
    assert said.code == 2, said
    assert not list((tmp_path / ".backfill").rglob("*.parquet"))


def test_a_host_with_the_sandboxs_name_is_not_the_sandbox() -> None:
    assert mark_of("https://sandbox") != SANDBOX_MARK
    assert mark_of("https://sandbox:8443") == "sandbox-8443"


@pytest.mark.parametrize("name", ["sandbox.db", "Sandbox.DB", "sandbox.db-wal", "job.schema.json"])
def test_a_job_can_not_have_the_name_of_a_file_of_the_state_folder(tmp_path: Path, name: str) -> None:
    job = write_job(tmp_path, 3)
    job.write_text(job.read_text().replace('name = "docs"', f'name = "{name}"'))
    said = call("validate", job)
    assert said.code == 2
    assert said.err.startswith(f"Expected a name that no file of the state folder has, found `{name}` - ")
