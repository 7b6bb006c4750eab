"""A run that was stopped goes on where it was, and one that was killed while staging begins anew, in every format."""

import json
import os
import signal
import time
import zipfile
from pathlib import Path

import pytest

from etl.sandbox.process import SandboxProcess
from tests.read.workbooks import write_xlsx
from tests.workbench import HEADER, JOB, call, finish, row_of, start

ROWS = [row_of(number).split(",") for number in range(1, 9)]


def write_file(folder: Path, name: str) -> None:
    objects = [dict(zip(HEADER.split(","), row, strict=True)) for row in ROWS]
    text = "\n".join([HEADER, *map(",".join, ROWS), ""])
    if name == "rows.xlsx":
        write_xlsx(folder / name, [HEADER.split(","), *ROWS])
    elif name == "rows.json":
        (folder / name).write_text(json.dumps({"page": 1, "rows": objects}, indent=1), encoding="utf-8")
    else:
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("a.csv", text)
            archive.writestr("in/b.ndjson", "\n".join(map(json.dumps, objects)))


def write_job(folder: Path, name: str) -> Path:
    write_file(folder, name)
    keys = {
        "id": '{ columns = ["id"] }',
        "max_rejects": '"0%"',
        "overlap": "send",
        "top": "",
        "more": "",
        "upload": "",
    }
    (folder / "docs.toml").write_text(JOB.format(paths=name, source="", **keys), encoding="utf-8")
    return folder / "docs.toml"


@pytest.mark.parametrize("name", ["rows.xlsx", "rows.json", "rows.zip"])
def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path, name: str, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, name)
    os.environ["INKEEPANALYTICS_API_INTEGRATION_KEY"] = sandbox.api_key
    try:
        first = json.loads(call("run", "--json", "--limit", "3", "--endpoint", sandbox.url, job).out)
        second = json.loads(call("run", "--json", "--endpoint", sandbox.url, job).out)
    finally:
        del os.environ["INKEEPANALYTICS_API_INTEGRATION_KEY"]
    assert (first["sent_now"], first["state"]) == (3, "incomplete")
    assert (second["sent_now"], second["rows"]["delivered"], second["state"]) == (5, 8, "complete")


def test_killed_while_it_unpacks_the_next_run_unpacks_the_rest(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    big = "\n".join([HEADER, *(row_of(number) for number in range(100_000))])
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as archive:
        for member in range(4):
            archive.writestr(f"{member}.csv", big if member else "\n".join([HEADER, row_of(1)]))
    job = write_job(tmp_path, "other.zip")
    job.write_text(job.read_text(encoding="utf-8").replace("other.zip", "rows.zip!0.csv"), encoding="utf-8")
    whole = job.read_text(encoding="utf-8")
    job.write_text(whole.replace("rows.zip!0.csv", "rows.zip"), encoding="utf-8")
    process = start("run", "--quiet", "--endpoint", sandbox.url, job, key=sandbox.api_key)
    while not list((tmp_path / ".backfill").glob("*/unpacked/*/*")) and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert finish(process).code == -signal.SIGKILL
    job.write_text(whole, encoding="utf-8")
    said = finish(start("run", "--json", "--endpoint", sandbox.url, job, key=sandbox.api_key))
    assert json.loads(said.out)["rows"]["delivered"] == 1, said.err
