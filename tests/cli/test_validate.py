"""`backfill validate`, `preview`, `init` and `schema` as a person calls them."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

from etl.cli import COMMANDS
from etl.guess.presets import PRESETS
from etl.sandbox.process import SandboxProcess
from tests.workbench import ROOT, SHARED_DATA, call, row_of, write_job

BAD = [row_of(1), row_of(2, action="zap"), row_of(3)]


def test_json_is_one_object_that_balances(tmp_path: Path) -> None:
    said = call("validate", "--json", write_job(tmp_path, BAD))
    found = json.loads(said.out)
    assert (said.code, found["exit_code"], said.err) == (3, 3, "")
    assert found["rows"] == {
        "read": 3,
        "delivered": 0,
        "rejected": 1,
        "duplicate": 0,
        "skipped": 0,
        "pending": 2,
    }
    assert found["rejects"] == {"unmapped_value": 1}
    assert found["forecast"]["requests"] == 2
    assert found["findings"][0]["job_line"] == 9
    assert {
        "job",
        "state",
        "elapsed_s",
        "stage_s",
        "send_s",
        "events_per_s",
        "sent_now",
        "attempts",
        "retries",
    } <= set(found)


def test_a_clean_job_is_exit_0_and_says_what_to_do_next(tmp_path: Path) -> None:
    job = write_job(tmp_path)
    said = call("validate", job, "--quiet")
    assert said.code == 0
    assert said.out.startswith("docs: clean; 10 rows of 1 file in ")
    assert said.out.endswith(f"Ready: backfill run {job}   (rehearse first: add --sandbox)\n")
    assert "\x1b" not in said.out


def test_warnings_fail_only_where_asked(tmp_path: Path) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(1, count=2)])
    assert call("validate", job).code == 0
    assert call("validate", job, "--fail-on", "warn").code == 3


def test_of_several_jobs_the_worst_counts_and_all_are_told(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    good, bad = write_job(tmp_path), write_job(tmp_path / "sub", BAD)
    said = call("validate", "--json", good, bad, tmp_path / "gone.toml")
    found = json.loads(said.out)
    assert [job["exit_code"] for job in found["jobs"]] == [0, 3, 2]
    assert said.code == found["exit_code"] == 2


def test_reports_are_written_where_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job = write_job(tmp_path, BAD)
    paths = {name: tmp_path / f"out.{name}" for name in ("html", "xml", "jsonl")}
    said = call(
        "validate",
        job,
        "--html",
        paths["html"],
        "--junit",
        paths["xml"],
        "--rejects-out",
        paths["jsonl"],
        "--annotate",
        "github",
    )
    assert said.code == 3
    assert "::error file=docs.toml,line=9,title=docs%3A unmapped_value::" in said.out
    assert paths["html"].read_text().startswith("<!doctype html>")
    assert 'failures="1"' in paths["xml"].read_text()
    assert json.loads(paths["jsonl"].read_text())["row"] == 2


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--rejects-out", "x.txt"], 2, "ends in .jsonl, .csv or .parquet, found `x.txt`"),
        (
            ["--html", "/gone/x.html"],
            7,
            "Expected to write the page, found: No such file or directory - /gone/x.html",
        ),
    ],
)
def test_a_report_that_cannot_be_written_is_explained(
    tmp_path: Path, options: list[str], code: int, says: str
) -> None:
    said = call("validate", write_job(tmp_path, BAD), *options)
    assert said.code == code
    assert says in said.err
    assert "Traceback" not in said.err


def test_preview_shows_columns_fields_and_fates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    said = call("preview", write_job(tmp_path, BAD), "-n", "2")
    assert said.code == 0
    assert "log.csv row 1 → event" in said.out
    assert "log.csv row 2 ✗ unmapped_value" in said.out
    assert "2024-01-31T09:30:00.000Z  ← at" in said.out
    assert "row 3" not in said.out
    found = json.loads(call("preview", tmp_path / "docs.toml", "--json", "--rejects-only").out)
    assert [(row["row"], row["code"], row["event"]) for row in found["rows"]] == [(2, "unmapped_value", None)]


def test_init_writes_a_job_that_validates_and_runs_unedited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = call("init", ROOT / "sample_data" / "widget-events.ndjson")
    assert said.code == 0
    assert "wrote widget-events.toml: ndjson" in said.out
    assert "Next: backfill preview widget-events.toml" in said.out
    ran = call("run", "--sandbox", "--json", "widget-events.toml")
    assert json.loads(ran.out)["rows"]["delivered"] == 290
    schema = json.loads((tmp_path / ".backfill" / "job.schema.json").read_text())
    first = (tmp_path / "widget-events.toml").read_text().splitlines()[0]
    assert first == "#:schema ./.backfill/job.schema.json"
    jsonschema.validate(tomllib.loads((tmp_path / "widget-events.toml").read_text()), schema)


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="the real logs are not beside this checkout")
def test_a_real_log_is_delivered_with_its_own_times_by_the_job_that_init_wrote(tmp_path: Path) -> None:
    job = tmp_path / "room.toml"
    assert call("init", SHARED_DATA / "gitter_berlin.tsv", "-o", job).code == 0
    with SandboxProcess() as sandbox:
        environment = pytest.MonkeyPatch()
        environment.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", sandbox.api_key)
        assert call("run", job, "--endpoint", sandbox.url, "--rate", "max").code == 0
        environment.undo()
        times = [line["event"]["createdAt"] for line in sandbox.events()]
    assert len(times) == 130
    assert (min(times), max(times)) == ("2015-07-02T14:35:59.861Z", "2016-09-17T11:02:18.303Z")


def test_init_does_not_replace_a_job_unless_forced(tmp_path: Path) -> None:
    job = write_job(tmp_path)
    before = job.read_text()
    said = call("init", tmp_path / "log.csv", "-o", job)
    assert (said.code, job.read_text()) == (2, before)
    assert said.err.endswith("Name another with -o, or add --force to replace it\n")
    assert call("init", tmp_path / "log.csv", "-o", job, "--force").code == 0
    assert job.read_text() != before


def test_the_presets_are_listed() -> None:
    said = call("init", "--list-presets")
    assert said.code == 0
    assert [line.split(" ", 1)[0] for line in said.out.splitlines()] == list(PRESETS)


def test_the_types_are_listed() -> None:
    said = call("init", "--list-types")
    assert (said.code, len(said.out.splitlines())) == (0, 20)
    assert said.out.splitlines()[0] == (
        "message      user_message_submitted                 A person sent a question to the assistant."
    )


def test_a_type_that_no_widget_sends_is_told_once_and_the_nearest_named(tmp_path: Path) -> None:
    rows = [row_of(number, action="q" if number % 2 else "z") for number in range(1, 11)]
    job = write_job(tmp_path, rows, more=', z = "searchResultClick"')
    said = call("validate", job, "--fail-on", "warn")
    assert said.code == 3
    found = said.out[said.out.index("! ") :].split("\n\n")[0]
    assert found == (
        "! 5 rows (50.0%): the type `searchResultClick` is none that the API's own widgets send  unknown_type\n"
        f"    → {job} line 9: did you mean `search_result_clicked`? put it in the `map` of type in place of "
        '"searchResultClick"'
    )
    job.write_text(job.read_text().replace("searchResultClick", "search_result_clicked"))
    assert call("validate", job, "--fail-on", "warn").code == 0
    # A name of one's own is no fault: it is noted.
    job.write_text(job.read_text().replace("search_result_clicked", "page_view"))
    said = call("validate", job, "--fail-on", "warn")
    assert said.code == 0
    assert "backfill init --list-types" in said.out


def test_the_schema_takes_every_sample_job_and_refuses_a_typo() -> None:
    schema = json.loads(call("schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    jobs = [tomllib.loads(path.read_text()) for path in (ROOT / "jobs").glob("*.toml")]
    assert len(jobs) >= 4
    for job in jobs:
        assert list(validator.iter_errors(job)) == []
        job["event"]["createAt"] = "ts"
        job["upload"] = {"rate": "fast"}
        assert len(list(validator.iter_errors(job))) == 2


@pytest.mark.parametrize("command", ["init", "preview", "validate", "schema"])
def test_each_command_is_listed_as_its_own_help_begins(command: str) -> None:
    said = call(command, "--help")
    assert COMMANDS[command].split(": ")[0][:40] in " ".join(said.out.split())
    assert "Exit status:" in said.out


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; from etl.cli import main\ntry: main()\nexcept SystemExit: pass\nheavy = {'polars', 'rich', "
        "'matplotlib', 'pydantic', 'clevercsv', 'pyarrow', 'numpy'} & set(sys.modules)\nsys.exit(str(heavy) if heavy "
        "else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"],
        capture_output=True,
        text=True,
        cwd=Path(ROOT),
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
