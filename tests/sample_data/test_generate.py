"""The checked-in sample files are the ones that the generator writes."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

SAMPLES = Path(__file__).parents[2] / "sample_data"
MAX_TOTAL_BYTES = 1_000_000


def run_generator(folder: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-W", "error", SAMPLES / "generate.py", "--into", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_generator(tmp_path_factory.mktemp("fresh"))


def checked_in(suffix: str = "") -> list[Path]:
    return sorted(
        path
        for path in SAMPLES.iterdir()
        if path.is_file() and path.suffix != ".py" and path.name.endswith(suffix)
    )


def test_generator_writes_every_checked_in_file_and_no_other(fresh: Path) -> None:
    assert sorted(path.name for path in fresh.iterdir()) == [path.name for path in checked_in()]


@pytest.mark.parametrize("suffix", [".csv", ".ndjson", ".json", ".md"])
def test_text_files_are_the_same_to_the_byte(fresh: Path, suffix: str) -> None:
    found = checked_in(suffix)
    assert found
    for path in found:
        assert (fresh / path.name).read_bytes() == path.read_bytes(), path.name


def test_gzipped_files_hold_the_same_bytes_and_no_time(fresh: Path) -> None:
    # Another build of zlib may compress the same bytes otherwise, so the compressed ones are not compared.
    found = checked_in(".gz")
    assert found
    for path in found:
        written = (fresh / path.name).read_bytes()
        assert gzip.decompress(written) == gzip.decompress(path.read_bytes()), path.name
        assert written[4:8] == bytes(4), "the gzip header's time"


def test_parquet_file_holds_the_same_rows_and_types(fresh: Path) -> None:
    # The footer names the version of pyarrow, so the bytes are not compared. NaN differs from itself: repr doesn't.
    found = checked_in(".parquet")
    assert found
    for path in found:
        written, kept = pq.read_table(fresh / path.name), pq.read_table(path)
        assert written.schema.equals(kept.schema, check_metadata=True)
        assert repr(written.to_pylist()) == repr(kept.to_pylist())


def test_second_run_writes_the_same_bytes_in_every_file(fresh: Path, tmp_path: Path) -> None:
    again = run_generator(tmp_path)
    for path in fresh.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_sample_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in checked_in()) < MAX_TOTAL_BYTES


def test_expected_books_balance() -> None:
    expected = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))
    for job, books in expected.items():
        parts = [books[name] for name in ("delivered", "rejected", "duplicate", "skipped")]
        assert books["read"] == sum(parts), job
        assert books["rejected"] == sum(books["rejects"].values()), job


def test_every_expected_reject_code_is_one_of_the_fixed_set() -> None:
    from etl.values.reject import RejectCode

    expected = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))
    codes = {code for books in expected.values() for code in books["rejects"]}
    assert codes
    assert codes <= {code.value for code in RejectCode}
