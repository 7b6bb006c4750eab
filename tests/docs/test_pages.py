"""What the pages show as a job file is one, and what they say of times, casts and SQL is so."""

import re
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl.guess.writing import render_value
from etl.job.load import parse_job
from etl.times.patterns import EPOCH_UNITS, EXCEL, ISO, check_pattern
from etl.times.texts import parse_texts
from etl.times.zones import TimeFormat
from etl.values.parameters import Parameters
from tests.docs.console import ROOT
from tests.job.test_schema import BASE
from tests.workbench import call, write_job

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
JOB_FILE = (ROOT / "docs/job-file.md").read_text(encoding="utf-8")
EXAMPLES = [
    pytest.param(text, id=f"{page.name}-{number}")
    for page in PAGES
    for number, text in enumerate(TOML.findall(page.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_each_job_file_of_a_page_is_one_or_a_part_of_one(text: str) -> None:
    tables = tomllib.loads(text)
    whole = tables if {"name", "event"} <= set(tables) else merge(BASE, tables)
    job = "\n".join(f"{name} = {render_value(value)}" for name, value in whole.items())
    values = {"STAGE": "STAGING", "DATE": "2024-01-31", "ANALYTICS_URL": "https://staging.example.org"}
    parse_job(job, Path("j.toml"), Parameters(values))


@pytest.mark.parametrize(
    ("format_", "text", "read"),
    [
        (ISO, "2024-01-31T09:30:00.123+01:00", "2024-01-31T08:30:00.123"),
        (ISO, "2024-01-31 09:30", "2024-01-31T09:30:00.000"),
        (ISO, "20240131T093000Z", "2024-01-31T09:30:00.000"),
        ("epoch_s", "1706693400.25", "2024-01-31T09:30:00.250"),
        (EXCEL, "45322.395833", "2024-01-31T09:29:59.971"),
        ("%d.%m.%Y %H:%M", "31.01.2024 09:30", "2024-01-31T09:30:00.000"),
    ],
)
def test_each_time_of_the_page_is_read_in_its_format(format_: str, text: str, read: str) -> None:
    assert f"`{format_}`" in JOB_FILE
    assert f"`{text}`" in JOB_FILE
    form = TimeFormat(format_, "UTC", "reject", "reject")
    found = parse_texts(pl.Series([text]), form)
    assert found["problem"].to_list() == [0]
    assert found["time"].dt.strftime("%Y-%m-%dT%H:%M:%S%.3f").to_list() == [read]


def test_each_format_that_has_a_name_is_on_the_page() -> None:
    assert [name for name in (ISO, EXCEL, *EPOCH_UNITS) if f"`{name}`" not in JOB_FILE] == []


@pytest.mark.parametrize(
    "pattern",
    [
        "%Y-%m-%d %H:%M:%S",
        "%y%m%d %I:%M %p",
        "%a %d %b %Y %T",
        "%A, %d %B %Y %H:%M",
        "%Y %j %H:%M",
        "%F %T%.f",
        "%F %H:%M:%S.%3f",
        "%Y%m%d%H%M%S%6f",
        "%F %T %z",
        "%F %T %:z",
        "%s",
    ],
)
def test_each_code_of_the_page_makes_a_pattern(pattern: str) -> None:
    assert [code for code in re.findall(r"%[.:36]?[A-Za-z]", pattern) if f"`{code}`" not in JOB_FILE] == []
    assert check_pattern(pattern) is None


def test_each_exit_code_of_a_command_is_explained_with_what_to_do() -> None:
    commands = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    codes = {int(code) for code in re.findall(r"(?<=\n)    (\d+) +\S", commands)} | {129, 143}
    page = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) (?:\| [^|]+ ){3}\|$", page, re.MULTILINE)
    assert set(map(int, rows)) == codes | {1}


def test_the_function_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    _, _, section = JOB_FILE.partition("\n## A Python function\n")
    [code] = re.findall(
        r"^<!-- file: mapping.py -->\n```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL
    )
    setting = TOML.search(section)
    assert setting is not None
    (tmp_path / "mapping.py").write_text(code, encoding="utf-8")
    job = write_job(tmp_path, source=setting[1].removeprefix("[source]\n"))
    job.write_text(
        job.read_text().replace('searchQuery = "query"', 'searchQuery = "words"'), encoding="utf-8"
    )
    rows = "id,at,action,words,count\n1,2024-01-31T09:30:00Z,q,how+to+install,1\n"
    (tmp_path / "log.csv").write_text(rows, encoding="utf-8")
    said = call("preview", "--json", job)
    assert said.code == 0, said.err
    assert '"searchQuery":"how to install"' in said.out.replace('": "', '":"')


def merge(tables: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Return the job with what the part of a page sets in it."""
    merged = dict(tables)
    for key, value in others.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged
