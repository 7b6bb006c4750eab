"""An embedded sandbox whose disk takes nothing more: the run stops at once, as for any other full disk."""

import resource
from pathlib import Path

from etl.sandbox.process import SandboxProcess
from tests.workbench import run_here, write_job


def test_a_sandbox_that_cannot_store_stops_the_run_at_once(tmp_path: Path) -> None:
    job = write_job(tmp_path, 3000)
    store = tmp_path / "sandbox.db"
    with SandboxProcess(store=store) as sandbox:
        before = resource.prlimit(sandbox.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(sandbox.pid, resource.RLIMIT_FSIZE, (store.stat().st_size + 200_000, before[1]))
        outcome = run_here(job, sandbox)
        assert (outcome.state, outcome.exit_code) == ("aborted", 7)
        assert outcome.message.startswith(
            "Expected room for what the sandbox takes, found none: 507 internal_server_error: The sandbox can't store: "
        )
        assert (
            outcome.fix
            == "Free some space there, then run the same command again: it goes on where it stopped"
        )
        assert outcome.books.pending
        resource.prlimit(sandbox.pid, resource.RLIMIT_FSIZE, before)
        outcome = run_here(job, sandbox)
        assert (outcome.exit_code, outcome.books.delivered) == (0, 3000)
        assert sandbox.stats()["stored"] == 3000
