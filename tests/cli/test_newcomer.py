"""What somebody meets in the first hour: each mistake is told for what it is, and the way out works as printed."""

from pathlib import Path

import pytest

from tests.workbench import call, write_job

DATA = "id,Created at,query\n1,2024-01-02T03:04:05Z,hello\n2,2024-01-02T03:05:05Z,\n"
JOB = """name = "j"
[source]
paths = ["data.csv"]
[event]
type = { value = "search_query_submitted" }
entityType = { value = "search" }
searchQuery = "query"
createdAt = "Created at"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data.csv").write_text(DATA)
    (tmp_path / "j.toml").write_text(JOB)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(before: str, after: str) -> None:
    text = Path("j.toml").read_text()
    assert before in text
    Path("j.toml").write_text(text.replace(before, after))


@pytest.mark.parametrize("command", ["validate", "run", "preview", "status", "rejects", "doctor"])
def test_a_data_file_in_place_of_a_job_names_the_command_that_makes_one(folder: Path, command: str) -> None:
    said = call(command, "data.csv")
    told = said.out if command == "doctor" else said.err
    assert said.code in (2, 6)
    assert "Expected a job file (.toml), found another kind of file - data.csv" in told
    assert "If it holds the data, make a job of it: backfill init data.csv" in told


def test_so_does_one_that_is_no_text_or_a_folder(folder: Path) -> None:
    (folder / "my data.parquet").write_bytes(b"PAR1\xff\xfe\x00")
    assert "make a job of it: backfill init 'my data.parquet'" in call("validate", "my data.parquet").err
    assert "Name one file; to make a job of the files in it: backfill init ." in call("validate", ".").err


def test_the_home_folder_can_be_written_as_a_shell_does(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folder / "home"
    home.mkdir()
    (home / "logs.csv").write_text(DATA)
    monkeypatch.setenv("HOME", str(home))
    edit('"data.csv"', '"~/logs.csv"')
    assert call("validate", "j.toml").code == 3
    edit("logs.csv", "none/*.csv")
    assert f"Check the folder: {home}/none doesn't exist" in call("validate", "j.toml").err


@pytest.mark.parametrize(("data", "separator"), [(DATA, ";"), (DATA.replace(",", ";"), None)])
def test_a_header_that_is_one_column_means_another_separator(
    folder: Path, data: str, separator: str | None
) -> None:
    (folder / "data.csv").write_text(data)
    if separator is not None:
        edit("[event]", f'[source.csv]\nseparator = "{separator}"\n[event]')
    said = call("validate", "j.toml")
    meant = "," if separator else ";"
    assert said.err.splitlines()[1] == (
        f'The whole header is one column: set separator = "{meant}" under [source.csv]'
    )
    if separator:
        edit(f'separator = "{separator}"', f'separator = "{meant}"')
    else:
        edit("[event]", f'[source.csv]\nseparator = "{meant}"\n[event]')
    assert call("validate", "j.toml").code == 3


@pytest.mark.parametrize("page", ["<!DOCTYPE html>\n<html>", "\n  <HTML lang='en'>"])
@pytest.mark.parametrize("name", ["data.csv", "data.ndjson", "data.csv.gz"])
def test_a_login_page_saved_as_data_is_recognised(folder: Path, page: str, name: str) -> None:
    (folder / name).write_text(page + "<body>Please log in, now</body></html>\n")
    edit('"data.csv"', f'"{name}"')
    for said in (call("validate", "j.toml"), call("init", name, "-o", "new.toml")):
        assert said.code == 4
        assert f"found a web page (HTML) - {name}" in said.err
        assert said.err.splitlines()[1] == (
            "Download it again, signed in: a login or error page was saved in its place"
        )


@pytest.mark.parametrize(
    ("more", "problem", "fix"),
    [
        (
            'searchQuery = "query"\n',
            "Expected each key of [event] once, found `searchQuery` in lines 7 and 9 - j.toml",
            "Leave one of them, or give the other the name that was meant",
        ),
        (
            '[source]\nformat = "csv"\n',
            "Expected each table once, found [source] in lines 2 and 9 - j.toml",
            "Write all its keys under one [source]",
        ),
        (
            'id = "a" "b"\n',
            "Expected TOML, found: Expected newline or end of document after a statement - j.toml line 9",
            'Mend that line; text values need quotes, as in name = "docs-search"',
        ),
    ],
)
def test_toml_that_cannot_be_read_is_told_in_the_words_of_the_file(
    folder: Path, more: str, problem: str, fix: str
) -> None:
    Path("j.toml").write_text(JOB + more)
    assert call("validate", "j.toml").err == f"{problem}\n{fix}\n"


def test_a_path_of_windows_is_told_how_to_be_written(folder: Path) -> None:
    edit('"data.csv"', '"C:\\Users\\me\\data.csv"')
    assert call("validate", "j.toml").err == (
        "Expected text whose backslashes are escapes, found `C:\\Users\\me\\data.csv` - j.toml line 3\n"
        "Write it in single quotes, which keep backslashes: 'C:\\Users\\me\\data.csv'\n"
    )
    edit('"C:\\Users\\me\\data.csv"', "'C:\\Users\\me\\data.csv'")
    assert "found none that match `C:\\Users\\me\\data.csv`" in call("validate", "j.toml").err


def test_a_rate_that_nothing_can_have_is_refused(folder: Path) -> None:
    assert call("run", "--sandbox", "--rate", "1000000000000/s", "j.toml").err == (
        'Expected a rate of at most 1,000,000, like "20/s"; as fast as it goes is "max", found `1000000000000/s` - '
        '--rate\nAs in: --rate "20/s"\n'
    )


def test_an_endpoint_that_would_show_the_key_is_refused_before_a_run(folder: Path) -> None:
    Path("j.toml").write_text(JOB + '[upload]\nendpoint = "http://example.org"\n')
    assert call("validate", "j.toml").err.startswith(
        "Expected an https endpoint, found http to `example.org`"
    )


@pytest.mark.parametrize("column", ["query", "Search query", "order", 'the "query"', "it's; a query"])
def test_the_filter_that_is_proposed_can_be_copied(folder: Path, column: str) -> None:
    cell = f'"{column.replace(chr(34), chr(34) * 2)}"'
    (folder / "data.csv").write_text(DATA.replace("query", cell))
    toml = column.replace('"', '\\"')
    edit('searchQuery = "query"', f'searchQuery = "{toml}"')
    said = call("validate", "j.toml")
    assert said.code == 3
    (fix,) = [line for line in said.out.splitlines() if "or leave them out: " in line]
    sql = fix.partition("or leave them out: ")[2].removesuffix(" under [filter]")
    Path("j.toml").write_text(Path("j.toml").read_text() + f"[filter]\n{sql}\n")
    said = call("validate", "j.toml")
    assert (said.code, "skipped        1" in said.out) == (0, True)


def test_a_job_is_named_after_its_file(folder: Path) -> None:
    assert call("init", "data.csv", "-o", "searches.toml").code == 0
    assert 'name = "searches"' in Path("searches.toml").read_text()


def test_a_file_that_is_called_like_a_parameter_is_meant_as_it_is(folder: Path) -> None:
    Path("a ${DATE} $${X}.csv").write_text(DATA)
    assert call("init", "a ${DATE} $${X}.csv", "-o", "odd.toml").code == 0
    assert call("validate", "odd.toml").code in (0, 3, 10)


def test_two_jobs_of_one_name_never_share_a_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = write_job(tmp_path, 3)
    monkeypatch.chdir(tmp_path)
    assert call("run", "--sandbox", "--quiet", "docs.toml").code == 0
    other = job.with_name("other.toml")
    other.write_text(job.read_text())
    said = call("run", "--sandbox", "--quiet", "other.toml")
    assert said.code == 2
    assert said.err == (
        f"Expected job files of different names, found `docs` in other.toml and {job}: both keep their state in "
        ".backfill/docs@sandbox\n"
        "Give one of them another name; where other.toml replaces docs.toml, move that one away\n"
    )
    job.unlink()
    assert call("run", "--sandbox", "--quiet", "other.toml").code == 0
    # The state has followed the file: one that is called docs again is another job's name.
    job.write_text(other.read_text().replace('"docs"', '"docs-2"'))
    assert call("run", "--sandbox", "--quiet", "docs.toml", "other.toml").code == 0


def test_the_command_alone_says_where_to_start() -> None:
    assert "Start with: backfill init FILE." in " ".join(call().err.split())
