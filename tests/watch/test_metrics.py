import math
import os
import stat
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from etl.plain import plain_line
from etl.values.books import Books
from etl.watch.metrics import JobMetrics, metrics_text, write_metrics
from etl.watch.prometheus import Metric, Sample, render_metrics
from tests.watch.runs import outcome_of

LABELS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def samples_of(text: str) -> dict[tuple[str, ...], float]:
    """What Prometheus' own parser reads: a metric's name and label values to its value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_finished_run_is_told_by_prometheus_own_parser() -> None:
    entry = JobMetrics(outcome_of(3), started_at=100.0, ended_at=101.5, succeeded_at=101.5, job_pending=4)
    found = samples_of(metrics_text([entry], "1.2.3"))
    assert found["backfill_info", "1.2.3"] == 1
    assert {word: found["backfill_rows", "search", word] for word in Books.__dataclass_fields__} == {
        "read": 10,
        "delivered": 7,
        "rejected": 2,
        "duplicate": 1,
        "skipped": 0,
        "pending": 0,
    }
    assert found["backfill_rejects", "search", "malformed_record"] == 2
    assert found["backfill_run_exit_code", "search"] == 3
    assert found["backfill_pending_events", "search"] == 4
    assert found["backfill_run_seconds", "search"] == 1.5
    assert found["backfill_run_end_timestamp_seconds", "search"] == 101.5
    assert found["backfill_success_timestamp_seconds", "search"] == 101.5


def test_a_job_that_never_succeeded_has_no_time_of_success() -> None:
    text = metrics_text([JobMetrics(outcome_of(5), started_at=1.0, ended_at=2.0)], "1")
    assert "backfill_success_timestamp_seconds" not in text
    assert "# TYPE backfill_run_exit_code gauge" in text


def test_several_jobs_stand_under_one_help_and_type() -> None:
    jobs = [
        JobMetrics(outcome_of(0, job="a"), started_at=1.0, ended_at=2.0),
        JobMetrics(outcome_of(4, job="b"), started_at=1.0, ended_at=2.0),
    ]
    text = metrics_text(jobs, "1")
    assert text.count("# TYPE backfill_run_exit_code gauge") == 1
    found = samples_of(text)
    assert (found["backfill_run_exit_code", "a"], found["backfill_run_exit_code", "b"]) == (0, 4)


def test_two_jobs_of_one_name_make_no_series_twice() -> None:
    jobs = [JobMetrics(outcome_of(code), started_at=1.0, ended_at=2.0) for code in (0, 4)]
    lines = [
        line for line in metrics_text(jobs, "1").splitlines() if line.startswith("backfill_run_exit_code")
    ]
    assert lines == ['backfill_run_exit_code{job="search"} 4']


@given(LABELS, LABELS, st.floats(allow_nan=False))
def test_any_label_help_and_number_come_back_from_prometheus_own_parser(
    label: str, text: str, value: float
) -> None:
    rendered = render_metrics([Metric("m", f"x{text}x", (Sample(value, {"a": label, "b": ""}),))])
    families = list(text_string_to_metric_families(rendered))
    assert len(families) == 1
    assert families[0].documentation == f"x{text}x"
    [sample] = families[0].samples
    assert sample.labels == {"a": plain_line(label), "b": ""}
    assert sample.value == value


def test_not_a_number_is_written_as_prometheus_writes_it() -> None:
    [value] = samples_of(render_metrics([Metric("m", "", (Sample(math.nan),))])).values()
    assert math.isnan(value)


def test_the_file_is_replaced_whole_and_readable_by_the_exporter(tmp_path: Path) -> None:
    path = tmp_path / "backfill.prom"
    path.write_text("old")
    before = os.umask(0o077)
    try:
        assert write_metrics(path, "new\n") == ""
    finally:
        os.umask(before)
    assert path.read_text() == "new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_symlink_is_replaced_not_followed(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "backfill.prom"
    target.write_text("untouched")
    path.symlink_to(target)
    assert write_metrics(path, "new") == ""
    assert (target.read_text(), path.is_symlink()) == ("untouched", False)


def test_a_file_that_can_not_be_written_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    assert write_metrics(tmp_path / "missing/backfill.prom", "new").startswith("No such file or directory")
    folder = tmp_path / "folder.prom"
    folder.mkdir()
    assert write_metrics(folder, "new")
    assert list(tmp_path.iterdir()) == [folder]


def test_a_device_and_a_pipe_are_written_to_and_never_replaced(tmp_path: Path) -> None:
    device = tmp_path / "device"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:  # not root: a link to the real one shows the same
        device.symlink_to(os.devnull)
    assert write_metrics(device, "a 1\n") == ""
    assert stat.S_ISCHR(device.stat().st_mode)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert write_metrics(pipe, "a 1\n") == ""
    assert os.read(reader, 100) == b"a 1\n"
    os.close(reader)


def test_no_name_is_told() -> None:
    assert write_metrics(Path(), "a 1\n") == "no file's name - ."
