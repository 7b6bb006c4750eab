"""CI systems get findings in their own forms, and no cell can break out of them."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

from hypothesis import given
from hypothesis import strategies as st

from etl.report.ci import Place, github_annotations, junit_xml
from etl.values.books import Books
from etl.values.findings import BodySizes, Example, Finding, Forecast, Level, Validation
from etl.values.outcome import Outcome

NOTHING = Forecast(0, None, None, (), (), (0,) * 168, BodySizes(0, 0, (), ()), None, None, None)


PLACE = Place(Path("/repo"), Path("/repo/docs.toml"))


def validation(*findings: Finding) -> Validation:
    return Validation(Outcome("docs", "complete", 3, Books(10, 0, 1, 0, 0, 9)), ("a.csv",), findings, NOTHING)


def finding(text: str = "bad", level: Level = "error") -> Finding:
    return Finding(
        level,
        "unmapped_value",
        text,
        1,
        0.1,
        "mend it",
        "type",
        "action",
        (Example("a.csv", 7, 8, text),),
        "docs.toml",
        12,
    )


def test_an_annotation_points_at_the_line_of_the_job_file() -> None:
    assert list(github_annotations(validation(finding()), PLACE)) == [
        (
            "::error file=docs.toml,line=12,title=docs%3A unmapped_value::1 row (10%25): bad%0Aa.csv row 7: bad%0A-> "
            "mend it"
        )
    ]


def test_levels_become_those_of_the_ci_system() -> None:
    found = github_annotations(
        validation(finding(level="error"), finding(level="warning"), finding(level="note")), PLACE
    )
    assert [line.split(" ")[0] for line in found] == ["::error", "::warning", "::notice"]


def test_a_job_that_could_not_be_read_is_an_error_of_its_own() -> None:
    broken = Validation(
        Outcome("docs", "failed", 4, message="Expected files, found none", fix="Check the pattern")
    )
    assert next(github_annotations(broken, PLACE)).startswith(
        "::error file=docs.toml,title=docs::Expected files, found none%0ACheck"
    )
    suite = Xml.fromstring(junit_xml([broken])).find("testsuite")
    assert suite is not None
    assert suite.get("errors") == "1"
    assert suite.find("testcase/error") is not None


@given(st.text())
def test_no_text_of_a_cell_starts_a_line_of_its_own(text: str) -> None:
    (line,) = github_annotations(validation(finding(text)), PLACE)
    assert len(line.split("\n")) == 1
    assert "\r" not in line


@given(st.text())
def test_any_text_makes_well_formed_xml(text: str) -> None:
    root = Xml.fromstring(junit_xml([validation(finding(text), finding(level="note"))]))
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


def test_a_clean_job_is_one_case_that_passes() -> None:
    suite = Xml.fromstring(junit_xml([validation()])).find("testsuite")
    assert suite is not None
    assert [len(case) for case in suite.findall("testcase")] == [0]


def test_files_are_named_from_the_root_wherever_the_job_lies() -> None:
    place = Place(Path("/repo"), Path("/repo/etl/jobs/docs.toml"))
    one = finding()
    [at_job] = github_annotations(validation(one), place)
    assert at_job.startswith("::error file=etl/jobs/docs.toml,line=12,")
    for file, named in [
        ("../data/a.csv", "file=etl/data/a.csv,line=8,"),
        ("../../../elsewhere/a.csv", ""),
        ("s3://bucket/a.csv", ""),
    ]:
        example = Example(file, 7, 8, "bad")
        [line] = github_annotations(validation(replace(one, job_file=None, examples=(example,))), place)
        assert line.startswith(f"::error {named}title=")
