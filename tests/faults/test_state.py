"""Each file of the state, flipped, deleted or older than the rest: refused, or harmless; nothing sent twice or
altered.
"""

from pathlib import Path

import pytest

from etl.sandbox.process import SandboxProcess
from tests.faults.soak_state import DAMAGES, DamagedState


def test_a_damaged_file_of_the_state_is_refused_or_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", "set by the state's own sandbox")
    damages = {name: DAMAGES[name] for name in ("a flip", "rollback")}
    with SandboxProcess() as sandbox:
        state = DamagedState(tmp_path / "damaged", sandbox)
        assert {"ledger.db", "mark.json", "ids-00000.parquet", "rejects-00000.parquet", "taken.parquet"} <= {
            path.name for path in state.files()
        }
        assert [wrong for wrong in state.try_each(("run", "retry"), damages) if wrong] == []
