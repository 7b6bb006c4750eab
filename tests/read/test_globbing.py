"""`**` in a folder with links that lead in circles ends, and finds each real file once."""

from pathlib import Path

from etl.read.globbing import find_names
from etl.read.resolve import resolve_files
from tests.read.sources import job_over


def test_links_in_a_circle_end_and_each_real_file_counts_once(tmp_path: Path) -> None:
    for name in ("a", "a/b", "c"):
        (tmp_path / name).mkdir()
        for link in range(4):
            (tmp_path / name / f"loop{link}").symlink_to(tmp_path)
        (tmp_path / name / "log.csv").write_text("x\n1\n")
    (tmp_path / "a" / "same").symlink_to("b")
    (tmp_path / "log.csv").write_text("x\n1\n")
    found = resolve_files(job_over(tmp_path, "**/*.csv"))
    assert [file.name for file in found] == ["a/b/log.csv", "a/log.csv", "c/log.csv", "log.csv"]


def test_names_are_those_that_a_glob_finds(tmp_path: Path) -> None:
    for name in ("x/y/one.csv", "x/.hidden/two.csv", "x/three.csv", "[b]/four.csv", "x/y/z=1/five.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n")
    assert find_names("**/*.csv", tmp_path) == [
        "[b]/four.csv",
        "x/three.csv",
        "x/y/one.csv",
        "x/y/z=1/five.csv",
    ]
    assert find_names("x/**/*.csv", tmp_path) == ["x/three.csv", "x/y/one.csv", "x/y/z=1/five.csv"]
    assert find_names("x/**/y/**/*.csv", tmp_path) == ["x/y/one.csv", "x/y/z=1/five.csv"]
    assert find_names("x/**", tmp_path) == [
        "x/three.csv",
        "x/y",
        "x/y/one.csv",
        "x/y/z=1",
        "x/y/z=1/five.csv",
    ]
    assert find_names(str(tmp_path / "**" / "one.csv"), tmp_path) == [str(tmp_path / "x/y/one.csv")]
    assert find_names("x/*.csv", tmp_path) == ["x/three.csv"]
