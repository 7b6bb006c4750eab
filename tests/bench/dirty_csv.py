"""Measures how many dirty files are read exactly: by `init`, by clevercsv, and by DuckDB where it is installed.

The files are those of csv-spectrum, fetched from npm with its own truth, and one table polluted in the ways of the
Pollock benchmark (VLDB 2023): another separator, quote or escape, notes, footers, units, short rows, spaces.

    python -m tests.bench.dirty_csv
"""

import csv
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import clevercsv
import polars as pl

from etl.job.load import parse_job
from etl.read.source import open_source
from etl.scaffold.init import StartOptions, start_job

Rows = list[list[str]]
BASE = [["id", "at", "query", "hits"]] + [
    [
        f"q{n}",
        f"2024-01-{n % 28 + 1:02d} 10:00:00",
        f'how, to; "say" {n}' if n % 3 else f"plain {n}",
        str(n * 7),
    ]
    for n in range(60)
]


def write(rows: Rows, **dialect: object) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", **dialect).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue()


def polluted() -> Iterator[tuple[str, str]]:
    """Yield each pollution of the table: its name, and the text."""
    plain = write(BASE)
    yield "plain", plain
    for name, sign in (
        ("semicolon", ";"),
        ("tab", "\t"),
        ("bar", "|"),
        ("colon", ":"),
        ("tilde", "~"),
        ("caret", "^"),
    ):
        yield f"separator_{name}", write(BASE, delimiter=sign)
    yield "quote_single", write(BASE, quotechar="'")
    yield "quote_all", write(BASE, quoting=csv.QUOTE_ALL)
    yield "escape_backslash", write(BASE, doublequote=False, escapechar="\\")
    yield "spaces_after", write(BASE, quoting=csv.QUOTE_ALL).replace('","', '", "')
    yield "line_end_crlf", plain.replace("\n", "\r\n")
    yield "line_end_cr", plain.replace("\n", "\r")
    yield "no_last_line_end", plain.rstrip("\n")
    yield "mark", "\ufeff" + plain
    yield "sep_line", "sep=;\n" + write(BASE, delimiter=";")
    yield "notes_above", "Searches of January\n\n" + plain
    yield "notes_padded", "Searches of January,,,\n,,,\n" + plain
    yield "comments", "# by hand\n" + plain + "# end\n"
    yield "header_commented", "#" + plain
    yield "units_below", plain.replace("\n", "\n-,[UTC],-,[n]\n", 1)
    yield "rule_below", plain.replace("\n", "\n----\n", 1)
    yield "footer_total", plain + "Total,,,12390\n"
    yield "footer_count", plain + "(60 rows)\n"
    yield "blank_lines", plain.replace("\n", "\n\n")
    yield "short_rows", plain.replace("id,at,query,hits", "id,at,query,hits,note", 1)
    yield "header_twice", plain + plain


def read_ours(path: Path) -> Rows:
    made = start_job([str(path)], StartOptions(path.with_suffix(".toml")), started=datetime.now(UTC))
    job = parse_job(made.text, made.path)
    source = open_source(job)
    rows: Rows = [list(source.schema)]
    for batch in source.batches(0):
        frame = batch.frame.filter(pl.sql_expr(job.filter.sql)) if job.filter is not None else batch.frame
        if batch.malformed:
            raise ValueError("malformed records")
        rows += [[cell or "" for cell in row] for row in frame.select(list(source.schema)).iter_rows()]
    return rows


def read_clevercsv(path: Path) -> Rows:
    return clevercsv.read_table(str(path), verbose=False)


def read_duckdb(path: Path) -> Rows:
    duckdb = import_module("duckdb")

    found = duckdb.sql(f"SELECT * FROM read_csv('{path}', all_varchar = true)")
    return [list(found.columns), *([cell or "" for cell in row] for row in found.fetchall())]


def expected(name: str) -> Rows:
    return (
        [[*BASE[0], "note"], *([*row, ""] for row in BASE[1:])]
        if name == "short_rows"
        else (BASE + BASE[1:] if name == "header_twice" else BASE)
    )


def spectrum(folder: Path) -> Iterator[tuple[str, bytes, Rows]]:
    """Fetch csv-spectrum, and yield each file with its truth."""
    subprocess.run(["npm", "pack", "--silent", "csv-spectrum"], cwd=folder, check=True, capture_output=True)
    with tarfile.open(next(folder.glob("csv-spectrum-*.tgz"))) as archive:
        archive.extractall(folder, filter="data")
    for truth in sorted((folder / "package" / "json").glob("*.json")):
        found = json.loads(truth.read_text(encoding="utf-8"))
        rows = found if isinstance(found, list) else [found]
        text = (folder / "package" / "csvs" / f"{truth.stem}.csv").read_bytes()
        yield f"spectrum_{truth.stem}", text, [list(rows[0]), *(list(row.values()) for row in rows)]


def main() -> None:
    """Print a line a file, and the shares."""
    readers: dict[str, Callable[[Path], Rows]] = {"init": read_ours, "clevercsv": read_clevercsv}
    if find_spec("duckdb") is not None:
        readers["duckdb"] = read_duckdb
    right = dict.fromkeys(readers, 0)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = [(name, text.encode(), expected(name)) for name, text in polluted()]
        files += spectrum(folder)
        for name, text, truth in files:
            path = folder / f"{name}.csv"
            path.write_bytes(text)
            marks = []
            for reader, read in readers.items():
                try:
                    is_right = read(path) == truth
                except Exception:  # noqa: BLE001 - whatever a reader raises, the file isn't read
                    is_right = False
                right[reader] += is_right
                marks.append(f"{reader} {'ok' if is_right else '--'}")
            print(f"{name:<28} {'   '.join(marks)}")
    for reader, count in right.items():
        print(f"{reader}: {count} of {len(files)} read exactly ({count / len(files):.0%})")


if __name__ == "__main__":
    main()
