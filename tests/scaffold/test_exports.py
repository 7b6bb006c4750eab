"""Exports as people have them: from the folder, archive, workbook or log to delivered events, without an edit."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from etl.guess.presets import PRESETS
from etl.job.load import parse_job
from etl.report.progress import SilentProgress
from etl.sandbox.process import SandboxProcess
from etl.scaffold.init import StartOptions, start_job
from etl.scaffold.preview import PreviewOptions, preview_job
from etl.validation.survey import DryOptions, validate_job
from tests.guess.export_files import FILES
from tests.guess.exports import EXPORTS
from tests.workbench import run_here

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_there_is_a_sample_of_every_preset() -> None:
    assert set(EXPORTS) | {export.preset for export in FILES.values()} == set(PRESETS)


@pytest.mark.parametrize("name", FILES)
def test_an_export_goes_from_its_files_to_events_without_an_edit(
    tmp_path: Path, name: str, sandbox: SandboxProcess
) -> None:
    export = FILES[name]
    made = start_job([str(export.write(tmp_path))], StartOptions(tmp_path / "job.toml"), started=NOW)
    assert (made.preset, made.trial.problem) == (export.preset, "")
    keys = {decision.key for decision in made.decisions}
    assert ("filter" in keys) == ("[filter]\n" in made.text.replace("# [filter]\n", ""))
    assert made.text.count("# CHECK:") == sum(decision.sureness == "check" for decision in made.decisions)
    job = parse_job(made.text, made.path)
    found = validate_job(job, DryOptions(), SilentProgress())
    books = found.outcome.books
    assert (books.pending, books.rejected, books.skipped) == (sum(export.kinds.values()), 0, export.skipped)
    assert found.forecast is not None
    assert {(kind.entity_type, kind.type): kind.events for kind in found.forecast.kinds} == export.kinds
    made.path.write_text(made.text.replace('"20/s"', '"max"\noverlap = "send"'), encoding="utf-8")
    assert run_here(made.path, sandbox).books.delivered == books.pending
    shown = preview_job(job, PreviewOptions(rows=8), started=NOW)
    first = next(row.event for row in shown.rows if row.event is not None)
    told = {**first["properties"], **first}
    assert {key: told[key] for key in export.first} == export.first
