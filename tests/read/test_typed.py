"""Arrow and Avro files, and the same rows in every format: the same ids and bodies."""

import json
import random
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import InputError
from etl.job.load import load_job
from etl.read.files import SourcePath
from etl.read.typed.reader import TypedReader
from etl.sandbox.process import SandboxProcess
from etl.scaffold.preview import PreviewOptions, preview_job
from tests.read.sources import gather
from tests.read.workbooks import write_workbook
from tests.workbench import call

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FRAME = pl.DataFrame(
    {
        "id": ["a", "b", "c"],
        "at": [datetime(2024, 1, 31, 9, 30, n, 123456) for n in range(3)],
        "n": [1, None, 2**40],
        "tags": [["x"], [], None],
    }
)
JOB = """
name = "formats"
[source]
paths = [{paths}]
[event]
entityType = {{ value = "message" }}
type = {{ value = "user_message_submitted" }}
messageId = "id"
createdAt = {{ column = "at", timezone = "UTC" }}
[event.properties]
text = "text"
n = {{ column = "n", cast = "int" }}
[limits]
max_rejects = "100%"
"""


def write_job(folder: Path, *paths: str) -> Path:
    (folder / "formats.toml").write_text(
        JOB.format(paths=", ".join(map(json.dumps, paths))), encoding="utf-8"
    )
    return folder / "formats.toml"


def write(path: Path, frame: pl.DataFrame) -> Path:
    if path.suffix == ".avro":
        frame.write_avro(path)
    elif path.name.endswith(".stream.arrow"):
        frame.write_ipc_stream(path)
    else:
        frame.write_ipc(path, compression="zstd" if path.suffix == ".feather" else "uncompressed")
    return path


def read(path: Path, *uses: str) -> list[tuple[Any, ...]]:
    source = SourcePath(path.name, path, "avro" if path.suffix == ".avro" else "arrow", None)
    return gather(TypedReader(source, uses=lambda names: frozenset(names) & set(uses)).batches())[0]


@pytest.mark.parametrize("name", ["rows.arrow", "rows.feather", "rows.stream.arrow", "rows.avro"])
def test_each_kind_gives_its_rows_as_they_are_typed(tmp_path: Path, name: str) -> None:
    assert read(write(tmp_path / name, FRAME)) == [
        (number, *row) for number, row in enumerate(FRAME.iter_rows(), start=1)
    ]


@pytest.mark.parametrize("name", ["rows.arrow", "rows.feather", "rows.avro"])
def test_a_cut_file_is_an_input_error(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, pl.concat([FRAME] * 2000))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="it is truncated or damaged"):
        read(path)


def test_types_that_nobody_reads_are_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    schema = b'{"type":"record","name":"r","fields":[{"name":"m","type":{"type":"map","values":"string"}}]}'
    size = bytes(
        [len(schema) * 2 % 128 | 128, len(schema) * 2 // 128]
    )  # lengths are written so, seven bits a byte
    (tmp_path / "map.avro").write_bytes(b"Obj\1\2\x16avro.schema" + size + schema + bytes(17))
    with pytest.raises(InputError) as caught:
        read(tmp_path / "map.avro")
    assert caught.value.problem.startswith(
        "Expected types that can be read in Avro, found: not yet implemented"
    )
    assert caught.value.fix == "Export the file again as Parquet or NDJSON"
    assert capfd.readouterr().err == ""


def test_a_typed_file_is_a_job_without_an_edit_and_its_rejects_are_mended(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    many = pl.concat([FRAME.head(1)] * 60).with_columns(id=pl.concat_str(pl.lit("m"), pl.int_range(60)))
    bad = many.with_columns(at=pl.when(pl.col("id") != "m1").then(pl.col("at")))
    write(tmp_path / "rows.feather", bad)
    job = tmp_path / "rows.toml"
    said = call("init", tmp_path / "rows.feather", "-o", job)
    assert said.code == 0, said.err
    job.write_text(job.read_text(encoding="utf-8").replace('"5%"', '"50%"'), encoding="utf-8")
    assert call("run", "--quiet", "--sandbox", job).code == 3
    reject = json.loads(call("rejects", "--sandbox", "--format", "jsonl", job).out)
    assert (reject["row"], reject["code"]) == (2, "missing_required")
    reject["source"]["at"] = "2024-01-31 09:30:01.123456"
    (tmp_path / "mended.jsonl").write_text(json.dumps(reject), encoding="utf-8")
    said = call("retry", "--sandbox", "--from", tmp_path / "mended.jsonl", job)
    assert said.code == 0, said.err


ROWS = st.lists(
    st.tuples(
        st.text(st.characters(categories=["L", "Nd", "P"]), min_size=1, max_size=20).map(
            lambda text: f"t{text}"
        ),
        st.integers(-(2**53) + 1, 2**53 - 1),
        st.integers(0, 10**11),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=8, deadline=None)
@given(ROWS, st.integers(0, 2**32))
def test_the_same_rows_have_the_same_events_in_every_format(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int, int]], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("formats")
    ids = random.Random(seed).sample(range(10**6), len(rows))
    frame = pl.DataFrame(
        {
            "id": [f"m{one}" for one in ids],
            "at": [datetime(2020, 1, 1) + timedelta(milliseconds=ms) for _, _, ms in rows],
            "text": [text for text, _, _ in rows],
            "n": [n for _, n, _ in rows],
        },
        schema={"id": pl.String, "at": pl.Datetime("us"), "text": pl.String, "n": pl.Int64},
    )
    texts = frame.with_columns(pl.col("at").dt.strftime("%Y-%m-%d %H:%M:%S%.3f"), pl.col("n").cast(pl.String))
    objects = frame.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S%.3f"))
    frame.write_parquet(folder / "a.parquet")
    for name in ("a.arrow", "a.feather", "a.avro"):
        write(folder / name, frame)
    texts.write_csv(folder / "a.csv")
    texts.write_csv(folder / "a.tsv", separator="\t")
    objects.write_ndjson(folder / "a.ndjson")
    (folder / "a.json").write_text(
        json.dumps({"x": {"rows": objects.to_dicts()}}, indent=1), encoding="utf-8"
    )
    write_workbook(folder / "a.xlsx", [texts.columns, *texts.rows()])
    write_workbook(folder / "a.ods", [texts.columns, *texts.rows()])
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(folder / "a.csv", "in/a.csv")
        archive.write(folder / "a.ndjson", "in/b.ndjson")
    first: list[dict[str, Any]] | None = None
    for path in (*sorted(one.name for one in folder.glob("a.*")), "a.zip!in/b.ndjson"):
        shown = preview_job(load_job(write_job(folder, path)), PreviewOptions(rows=20), started=NOW)
        bodies = sorted((row.event or {} for row in shown.rows), key=lambda body: str(body.get("id")))
        first = first or bodies[: len(rows)]
        assert bodies[:: len(bodies) // len(rows)] == first, path
