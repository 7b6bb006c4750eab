import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError

import pytest

from etl.errors import StateError
from etl.sandbox.process import SandboxProcess
from tests.sandbox.client import EVENT, post

CANARY = "canary-7f3a"


def is_running(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        # The state follows the name, which is in brackets; a zombie has ended.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until_gone(pid: int, patience_seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + patience_seconds
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(pid)


def test_it_answers_within_the_block_and_is_gone_after() -> None:
    with SandboxProcess() as sandbox:
        assert post(sandbox.url, EVENT).status == 200
        assert post(sandbox.url, EVENT, key=sandbox.web_key).status == 200
        pid = sandbox.pid
        assert is_running(pid)
    assert not is_running(pid)
    with pytest.raises(URLError):
        sandbox.stats()


def test_it_is_gone_after_an_error_in_the_block_too() -> None:
    def fail(sandbox: SandboxProcess) -> None:
        with sandbox:
            pids.append(sandbox.pid)
            raise ZeroDivisionError

    pids: list[int] = []
    with pytest.raises(ZeroDivisionError):
        fail(SandboxProcess())
    assert [is_running(pid) for pid in pids] == [False]


PARENT = """
import time
from etl.sandbox.process import SandboxProcess
with SandboxProcess() as sandbox:
    print(sandbox.pid, flush=True)
    time.sleep(60)
"""


def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert wait_until_gone(pid)
    assert list(tmp_path.iterdir()) == []


def test_what_was_answered_outlives_a_kill_and_the_next_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with SandboxProcess(store=path) as sandbox:
        for number in range(20):
            assert post(sandbox.url, EVENT | {"id": f"id-{number}"}).status == 200
        sandbox.kill()
    with SandboxProcess(store=path) as sandbox:
        assert post(sandbox.url, EVENT | {"id": "id-0"}).status == 200
        stats = sandbox.stats()
    assert (stats["attempts"], stats["stored"], stats["resent"]) == (21, 20, 1)


def test_a_signal_meant_for_the_parents_group_leaves_it_running() -> None:
    with SandboxProcess() as sandbox:
        assert os.getpgid(sandbox.pid) == sandbox.pid != os.getpgid(0)


def test_a_termination_signal_ends_it_quietly_though_an_answer_is_held_back(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with SandboxProcess("--latency-ms", "30000") as sandbox, ThreadPoolExecutor(1) as pool:
        held_back = pool.submit(post, sandbox.url, EVENT)
        while not sandbox.stats()["stored"]:
            time.sleep(0.01)
        os.kill(sandbox.pid, signal.SIGTERM)
        assert wait_until_gone(sandbox.pid)
        assert held_back.exception() is not None or held_back.result().status == 500
    assert capfd.readouterr().err == ""


def test_one_that_does_not_start_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StateError, match="gone with exit code 7"), SandboxProcess(store=tmp_path):
        pass
    assert "Expected a sandbox's store or no file yet" in capfd.readouterr().err
    with pytest.raises(StateError, match="gone with exit code 2"), SandboxProcess("--fail", "often"):
        pass
    assert "Expected a share from `0%` to `100%`, found `often` - --fail" in capfd.readouterr().err


def test_nothing_of_a_key_is_printed_or_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with SandboxProcess(store=tmp_path / "store.db") as sandbox:
        assert post(sandbox.url, EVENT, key=CANARY).status == 401
        assert CANARY.encode() not in post(sandbox.url, EVENT, key=CANARY).body
        assert post(sandbox.url, b"\x00\x01", key=CANARY).status == 401
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""
    assert not any(CANARY.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_the_keys_of_the_real_api_are_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", CANARY)
    with SandboxProcess() as sandbox:
        environment = Path(f"/proc/{sandbox.pid}/environ").read_bytes()
    assert CANARY.encode() not in environment
