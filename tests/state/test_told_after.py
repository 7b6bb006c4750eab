"""What a run found is told by whoever looks later: corrections, the mark outside the folder, what was dismissed."""

import json
from pathlib import Path

import pytest

import etl
from tests.workbench import Said, call, delivered, row_of, write_job, write_rows


def test_corrections_and_the_mark_are_told_by_status_loads_and_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "marks"))
    with delivered(tmp_path, rows=5) as (job, sandbox):
        write_rows(tmp_path / "more.csv", [row_of(1, count=9), row_of(2)])
        write_job(tmp_path, 5, paths='log.csv", "more.csv', overlap="check")

        def see(*arguments: str) -> Said:
            return call(*arguments, "--endpoint", sandbox.url, job)

        assert see("run", "--quiet").code == 0
        [mark] = (tmp_path / "marks").rglob("*.json")
        outside = f"Its mark outside the state folder: {mark}"
        told = see("status").out.splitlines()
        assert (
            "  1 row came again with another content than was delivered; those that are open: "
            f"backfill rejects {job} --endpoint {sandbox.url} --corrections"
        ) in told
        assert told[-1] == outside
        found = json.loads(see("status", "--json").out)
        assert (found["corrections"]["found"], found["mark"]) == (1, str(mark))
        told = see("loads").out.splitlines()
        assert "          1 came again with another content than was delivered" in told
        assert told[-1] == outside
        found = json.loads(see("loads", "--json").out)
        assert [load["corrections"]["found"] for load in found["loads"]] == [0, 1]
        assert (found["mark"], [load["came_again"] for load in found["loads"]]) == (str(mark), [0, 0])
        checks = {one["name"]: one for one in json.loads(see("doctor", "--json").out)["checks"]}
        assert (checks["mark"]["status"], checks["corrections"]["status"]) == ("ok", "warning")
        said = json.loads(mark.read_text())
        mark.write_text(json.dumps(said | {"delivered": 900, "runs": 9}))
        doctor = see("doctor", "--json")
        checks = {one["name"]: one for one in json.loads(doctor.out)["checks"]}
        assert (doctor.code, checks["mark"]["status"]) == (7, "problem")
        assert "an older copy was put back" in checks["mark"]["found"]


def test_rejects_are_dismissed_from_python_and_opened_again(tmp_path: Path) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2, action="zoom"), row_of(3, at="n/a")])
    with pytest.raises(etl.JobError, match="Expected a job that has run, found none") as caught:
        etl.dismiss(job, every=True, reason="none", sandbox=True)
    assert caught.value.fix == f"Start it: backfill run {job} --sandbox"
    assert etl.run(job, sandbox=True).exit_code == 3
    done = etl.dismiss(job, codes=["unmapped_value"], reason="a test account", sandbox=True)
    assert (done.changed, done.open_rejects) == ({"unmapped_value": 1}, {"unparsable_timestamp": 1})
    assert etl.read_rejects(job, sandbox=True).height == 1
    etl.dismiss(job, rows=[3], reason="cut by the exporter", sandbox=True)
    told = call("status", "--sandbox", job).out
    assert told.endswith(f"See those that were dismissed, and why: backfill rejects {job} --sandbox --all\n")
    etl.dismiss(job, rows=[3], undo=True, sandbox=True)
    assert etl.dismiss(job, rows=[2], undo=True, sandbox=True).changed == {"unmapped_value": 1}
    with pytest.raises(etl.JobError, match="Expected a row that is rejected, found none such: row 1"):
        etl.dismiss(job, rows=[1], reason="none", sandbox=True)
    for wrong, text in (
        ({}, "Expected codes, rows or every=True, found none of them"),
        ({"every": True, "reason": " "}, "Expected a reason, found none"),
        ({"rows": [0]}, "Expected"),
        ({"codes": ["zoom"]}, "Expected"),
    ):
        with pytest.raises(etl.JobError, match=text):
            etl.dismiss(job, sandbox=True, **wrong)
