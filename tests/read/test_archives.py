"""Archives of files: members by name, each as if it lay in a folder; and what was made to do harm is refused."""

import io
import json
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from etl.read.inside import split_inside
from etl.sandbox.process import SandboxProcess
from tests.read.workbooks import write_xlsx
from tests.workbench import HEADER, JOB, call, row_of

Members = dict[str, bytes]


def write_zip(path: Path, members: Members) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, members: Members) -> Path:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("logs/link.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    codec = {"gz": "gzip", "tgz": "gzip", "zst": "zstd", "bz2": "bz2"}.get(path.suffix[1:])
    with pa.output_stream(str(path), compression=codec) as out:
        out.write(data.getvalue())
    return path


def csv_of(*numbers: int) -> bytes:
    return ("\n".join([HEADER, *map(row_of, numbers)]) + "\n").encode()


LOGS: Members = {
    "logs/a.csv": csv_of(1, 2),
    "logs/deep/b.csv": csv_of(3),
    "__MACOSX/._a.csv": b"\0\5\x16\7",
    "readme.md": b"about these logs",
}


def write_job(folder: Path, paths: str, source: str = "") -> Path:
    keys = {"id": "{ }", "max_rejects": '"100%"', "overlap": "send", "top": "", "more": "", "upload": ""}
    (folder / "docs.toml").write_text(JOB.format(paths=paths, source=source, **keys), encoding="utf-8")
    return folder / "docs.toml"


def validate(job: Path) -> dict[str, Any]:
    said = call("validate", "--json", job)
    assert said.out, said.err
    rows: dict[str, Any] = json.loads(said.out)["rows"]
    return rows


ARCHIVES: dict[str, Callable[[Path, Members], Path]] = {
    "logs.zip": write_zip, "logs.tar": write_tar, "logs.tar.gz": write_tar, "logs.tgz": write_tar,
    "logs.tar.zst": write_tar, "logs.tar.bz2": write_tar,
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize(
    ("inside", "read"),
    [("", 3), ("!logs/*.csv", 2), ("!**/*.csv", 3), ("!logs/deep/b.csv", 1), ("!*/?.csv", 2)],
)
def test_members_are_read_as_files_of_a_folder_are(tmp_path: Path, name: str, inside: str, read: int) -> None:
    ARCHIVES[name](tmp_path / name, LOGS)
    assert validate(write_job(tmp_path, f"{name}{inside}"))["read"] == read


def test_packed_or_not_the_same_rows_have_the_same_ids(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", LOGS)
    write_tar(tmp_path / "a.tar.gz", LOGS)
    (tmp_path / "a.csv").write_bytes(csv_of(1, 2, 3))
    rows = validate(write_job(tmp_path, 'a.zip", "a.tar.gz", "a.csv'))
    assert (rows["read"], rows["duplicate"]) == (9, 6)


def test_a_run_unpacks_once_and_knows_each_member_by_what_it_holds(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    bad = row_of(4, at="n/a")
    write_zip(tmp_path / "logs.zip", {**LOGS, "logs/c.csv": f"{HEADER}\n{row_of(5)}\n{bad}\n".encode()})
    job = write_job(tmp_path, "logs.zip", 'mode = "incremental"')
    said = call("run", "--quiet", "--sandbox", job)
    assert said.code == 3, said.err
    reject = json.loads(call("rejects", "--sandbox", "--format", "jsonl", job).out)
    assert (reject["file"], reject["row"]) == ("logs.zip!logs/c.csv", 2)
    shelf = next((tmp_path / ".backfill").glob("docs@sandbox/unpacked/*"))
    before = {path.name: path.stat().st_ino for path in shelf.iterdir()}
    assert (shelf.stat().st_mode & 0o777, len(before)) == (0o700, 3)
    again = json.loads(call("run", "--json", "--sandbox", job).out)
    assert (again["rows"]["read"], {path.name: path.stat().st_ino for path in shelf.iterdir()}) == (0, before)
    # Packed anew with one more file: only that is new.
    time.sleep(0.01)
    more = {"new.csv": csv_of(6), **LOGS, "logs/c.csv": f"{HEADER}\n{row_of(5)}\n{bad}\n".encode()}
    write_zip(tmp_path / "logs.zip", more)
    assert json.loads(call("run", "--json", "--sandbox", job).out)["rows"]["delivered"] == 1
    assert [path for path in shelf.parent.iterdir() if path == shelf] == []
    changed = {**more, "logs/a.csv": csv_of(1, 9)}
    write_zip(tmp_path / "logs.zip", changed)
    said = call("run", "--quiet", "--sandbox", job)
    assert (said.code, "found it changed" in said.err, "logs.zip!logs/a.csv" in said.err) == (4, True, True)
    reject["source"]["at"] = "2024-01-31T09:30:00Z"
    (tmp_path / "mended.jsonl").write_text(json.dumps(reject), encoding="utf-8")
    assert call("retry", "--sandbox", "--from", tmp_path / "mended.jsonl", job).code == 0


def test_a_sheet_of_a_workbook_in_an_archive(tmp_path: Path) -> None:
    rows = [HEADER.split(","), *(row_of(n).split(",") for n in (1, 2))]
    write_xlsx(tmp_path / "b.xlsx", sheets={"A": rows, "B": rows[:2]})
    write_zip(tmp_path / "a.zip", {"x/b.xlsx": (tmp_path / "b.xlsx").read_bytes(), "c.csv": csv_of(3)})
    assert validate(write_job(tmp_path, "a.zip!x/*.xlsx!B"))["read"] == 1
    assert validate(write_job(tmp_path, "a.zip", 'sheet = "*"'))["read"] == 4


def encrypted(path: Path) -> Path:
    data = bytearray(write_zip(path, LOGS).read_bytes())
    for at in range(len(data) - 4):  # the flag of a password, in each of the two places that have it
        if data[at : at + 4] in (b"PK\1\2", b"PK\3\4"):
            data[at + (8 if data[at + 2] == 1 else 6)] |= 1
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("members", "inside", "said"),
    [
        ({"../a.csv": csv_of(1), "b.csv": b""}, "", "Expected names inside of the archive, found `../a.csv`, which "
            "leads out of it - a.zip\nAsk where the archive is from: only one that was made to do harm holds such a "
            "name\n"),
        (LOGS, "!*.json", "Expected files that match `*.json` in the archive, found 3 files (`logs/a.csv`, "
            "`logs/deep/b.csv`, `readme.md`) - a.zip\nSay which, as in paths = [\"a.zip!**/*.json\"]: * stays within a "
            "folder, **/ goes into all of them\n"),
        ({"a.txt": b"x", "b.txt": b"y"}, "", "Expected files whose names tell their format in the archive, found 2 "
            "files (`a.txt`, `b.txt`) - a.zip\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_explained(tmp_path: Path, members: Members, inside: str, said: str) -> None:
    write_zip(tmp_path / "a.zip", members)
    came = call("validate", write_job(tmp_path, f"a.zip{inside}"))
    assert came.code == 4
    assert said in came.err


def test_an_archive_in_an_archive_is_refused(tmp_path: Path) -> None:
    inner = write_zip(tmp_path / "inner.csv.zip", LOGS).read_bytes()
    write_zip(tmp_path / "a.zip", {"inner.csv.zip": inner, "b.csv": csv_of(1)})
    came = call("validate", write_job(tmp_path, "a.zip"))
    assert (came.code, came.err) == (
        4,
        "Expected files in the archive, found an archive with files of its own - a.zip!inner.csv.zip\n"
        "Unpack the outer one first, and give the folder under [source] paths\n",
    )


def test_a_password_is_refused(tmp_path: Path) -> None:
    encrypted(tmp_path / "a.zip")
    came = call("validate", write_job(tmp_path, "a.zip"))
    assert (came.code, came.err) == (
        4,
        "Expected an archive without a password, found `logs/a.csv` encrypted - a.zip\n"
        "Unpack it first, and give the folder under [source] paths\n",
    )


def test_what_was_made_to_fill_a_disk_is_refused_before_it_is_written(tmp_path: Path) -> None:
    write_zip(tmp_path / "bomb.zip", {"a.csv": bytes(400 << 20), "b.csv": b""})
    came = call("validate", write_job(tmp_path, "bomb.zip"))
    assert came.code == 4
    assert (
        "KB that unpack to 400 MB, as only an archive does that was made to fill disks - bomb.zip\n"
        in came.err
    )
    assert list((tmp_path / ".backfill").rglob("0*")) == []


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_a_cut_archive_is_one_error_and_leaves_nothing_half_written(tmp_path: Path, name: str) -> None:
    big = "\n".join([HEADER, *(row_of(n * 7919 % 99_991) for n in range(5_000))]).encode()
    whole = ARCHIVES["logs.zip" if name == "a.zip" else "logs.tar.gz"](
        tmp_path / name, {"a.csv": big, "b.csv": big}
    )
    data = bytearray(whole.read_bytes())
    if name == "a.zip":
        data[400:500] = bytes(100)
    else:
        del data[len(data) // 2 :]
    whole.write_bytes(data)
    came = call("validate", write_job(tmp_path, name))
    assert came.code == 4
    assert came.err.startswith("Expected a whole archive, found: ")
    assert came.err.endswith("Copy or export the file again: it is truncated or damaged\n")


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("a.zip!x/*.csv", ("a.zip", "x/*.csv")),
        ("https://h/a.tar.gz?s=1!**/*.json", ("https://h/a.tar.gz?s=1", "**/*.json")),
        ("b.XLSX!Data!x", ("b.XLSX", "Data!x")),
        ("what!/a.csv", ("what!/a.csv", None)),
        ("a.zip", ("a.zip", None)),
    ],
)
def test_a_path_says_what_is_meant_inside(
    tmp_path: Path, pattern: str, wanted: tuple[str, str | None]
) -> None:
    assert split_inside(pattern, tmp_path) == wanted


def test_a_doctor_looks_at_an_archive_and_unpacks_nothing(tmp_path: Path) -> None:
    write_zip(tmp_path / "logs.zip", LOGS)
    said = call("doctor", "--sandbox", write_job(tmp_path, "logs.zip"))
    assert "1 file" in said.out, said
    assert list(tmp_path.rglob("unpacked")) == []
