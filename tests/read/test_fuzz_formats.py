"""Files of every format with bytes changed, cut or doubled: rows, rejects or one sentence; never anything else."""

import json
import random
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from etl.errors import BackfillError
from etl.read.source import open_source
from tests.read.sources import job_over
from tests.read.test_archives import LOGS, write_tar, write_zip
from tests.read.test_excel import ROWS
from tests.read.workbooks import write_workbook

FRAME = pl.DataFrame({"id": ["a", "b"] * 20, "at": [datetime(2024, 1, 1)] * 40, "n": range(40)})
NAMES = ("a.xlsx", "a.xls", "a.ods", "a.zip", "a.tar", "a.tar.gz", "a.tar.zst", "a.arrow", "a.avro", "a.json")
# An .xls is tried in a process of its own, which takes a while.
TRIES = {"a.xls": 6}


def write(folder: Path, name: str) -> bytes:
    path = folder / name
    if path.suffix in (".xlsx", ".xls", ".ods"):
        write_workbook(path, ROWS)
    elif path.suffix == ".zip":
        write_zip(path, LOGS)
    elif ".tar" in name:
        write_tar(path, LOGS)
    elif path.suffix == ".arrow":
        FRAME.write_ipc(path)
    elif path.suffix == ".avro":
        FRAME.write_avro(path)
    else:
        rows = [{"a": number, "b": 'x\\"y'} for number in range(20)]
        path.write_text(json.dumps({"x": 1, "rows": rows}, indent=1), encoding="utf-8")
    return path.read_bytes()


def damage(data: bytes, chance: random.Random) -> bytes:
    at, other = chance.randrange(len(data)), chance.randrange(len(data))
    kind = chance.randrange(4)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + bytes(chance.randrange(1, 40)) + data[at + chance.randrange(40) :]
    if kind == 2:
        return data[:at] + data[other : other + chance.randrange(100)] + data[at:]
    changed = bytearray(data)
    for _ in range(chance.choice((1, 3, 20))):
        changed[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_rows_or_one_sentence(tmp_path: Path, name: str) -> None:
    data, chance = write(tmp_path, name), random.Random(name)
    for number in range(TRIES.get(name, 25)):
        (tmp_path / name).write_bytes(damage(data, chance))
        told = "Expected"
        try:
            source = open_source(job_over(tmp_path, name), tmp_path / str(number) / "fetched")
            for index in range(len(source.files)):
                for _ in source.batches(index):
                    pass
        except BackfillError as error:
            told = str(error.problem)
        assert told.startswith("Expected")
