"""A file that is read in the wrong way is not read to its end; the limit of the job says whether it is."""

import json
from pathlib import Path

from tests.workbench import call, write_job


def write_wrong_separator(folder: Path, max_rejects: str) -> Path:
    return write_job(folder, ["1;2024-01-31T09:30:00Z;q;what is it?;1"] * 220_000, max_rejects=max_rejects)


def test_validate_and_run_stop_where_reading_on_is_of_no_use(tmp_path: Path) -> None:
    job = write_wrong_separator(tmp_path, '"50%"')
    said = call("validate", job, "--json")
    assert said.code == 10
    told = json.loads(said.out)
    problem = told["message"]
    rows = problem.removeprefix("Stopped after ").split(" rows")[0]
    assert 100_000 <= int(rows.replace(",", "")) <= 200_000
    assert problem == (
        f"Stopped after {rows} rows: expected at most 50% rejects, found {rows} (100.0%) - [limits] max_rejects, "
        f"{job}"
    )
    assert told["fix"] == (
        'Mend the job or the files as the findings say. To read every row all the same: max_rejects = "100%"'
    )
    said = call("run", job, "--sandbox")
    assert said.code == 10
    assert f"backfill validate {job}" in said.err
    write_wrong_separator(tmp_path, '"100%"')
    assert json.loads(call("validate", job, "--json").out)["rows"]["read"] == 220_000
