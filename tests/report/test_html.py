"""The report is one page that needs no network, tells everything in words too, and opens in a real browser."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from etl.job.load import load_job
from etl.report.html.pages import OpenCause, RunFacts, render_run_page, render_validation_page
from etl.report.progress import SilentProgress
from etl.validation.survey import DryOptions, validate_job
from etl.values.books import Books
from etl.values.findings import Example, Finding, Validation
from etl.values.outcome import Outcome
from tests.report.browser import dump_page, take_screenshot
from tests.workbench import ROOT

SECTIONS = ("books", "findings", "forecast", "days", "week", "sizes", "mapping", "files")


class Second(NamedTuple):
    at_seconds: float
    seconds: float
    settled: int
    p50_seconds: float
    p95_seconds: float
    in_flight: int
    limit: int


@pytest.fixture(scope="module")
def found() -> Validation:
    return validate_job(load_job(ROOT / "jobs" / "widget-events.toml"), DryOptions(), SilentProgress())


def test_every_section_is_there_with_a_heading_and_words_for_each_picture(found: Validation) -> None:
    page = render_validation_page(found)
    assert re.findall(r'<section id="(\w+)"', page) == list(SECTIONS)
    pictures = re.findall(r'role="img" aria-label="([^"]+)"', page)
    assert len(pictures) == page.count("<svg ") == 6
    assert all(len(words) > 20 for words in pictures)
    assert "279" in pictures[0]


def test_the_page_loads_nothing(found: Validation) -> None:
    page = render_validation_page(found)
    assert not re.search(r"<(link|img|iframe|object|embed)\b|@import|src=", page)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'\"" in page
    assert re.findall(r"""url\((?!#)|href="(?!#)""", page) == []
    assert "default-src 'none'" in page


def test_ids_are_never_used_twice(found: Validation) -> None:
    ids = re.findall(r'\bid="([^"]+)"', render_validation_page(found))
    assert len(ids) == len(set(ids))


def test_the_same_findings_give_the_same_page(found: Validation) -> None:
    assert render_validation_page(found) == render_validation_page(found)


def test_hostile_text_stays_text(found: Validation) -> None:
    evil = '<script>alert("1")</script>$x_1$&amp;'
    finding = Finding("error", evil, evil, 3, 0.5, evil, evil, evil, (Example(evil, 1, None, evil),), evil, 4)
    page = render_validation_page(
        replace(found, findings=(finding,), files=(evil,), columns=(evil,), origins={evil: (evil,)})
    )
    assert page.count("<script") == 1
    assert page.count("&lt;script&gt;") > 8


def test_findings_that_are_not_there_are_said_to_be_none(found: Validation) -> None:
    page = render_validation_page(replace(found, findings=()))
    assert "None: every row is as it should be." in page


def test_a_run_shows_its_throughput_latency_and_concurrency() -> None:
    outcome = Outcome(
        "docs",
        "complete",
        3,
        Books(100, 90, 10),
        {"server_rejected": 10},
        sent_now=90,
        attempts=100,
        send_seconds=2.0,
    )
    timeline = [Second(float(second), 1.0, 45, 0.02, 0.05, 8, 16) for second in range(2)]
    page = render_run_page(outcome, timeline)
    assert re.findall(r'<section id="(\w+)"', page) == ["books", "rejects", "timeline"]
    assert "45 events a second" in page
    assert "delivered 90" in page


def test_a_bar_says_its_number_where_it_is_pointed_at(found: Validation) -> None:
    page = render_validation_page(found)
    assert "<title>would be sent 279</title>" in page
    assert len(re.findall(r'<g id="week-tip\d+"><title>\w{3} \d+:00, [\d,]+</title>', page)) == 168


def test_the_page_of_a_run_says_when_where_of_what_and_what_is_open() -> None:
    facts = RunFacts(
        datetime(2024, 1, 31, 9, 30, tzinfo=UTC),
        "https://api.example.org",
        tuple(f"log-{number}.csv" for number in range(22)),
        (
            OpenCause(
                "unmapped_value",
                3,
                ("log-1.csv row 3 (line 4): expected one of q, found `<z>`",),
                ("map it",),
            ),
        ),
    )
    page = render_run_page(Outcome("docs", "complete", 3), [], facts)
    for told in (
        "ended 2024-01-31 09:30 UTC",
        "<p>Sent to <code>https://api.example.org</code></p>",
        "<li><code>log-19.csv</code></li><li>and 2 more</li>",
        "3 rows: <code>unmapped_value</code>",
        "<li>log-1.csv row 3 (line 4): expected one of q, found `&lt;z&gt;`</li>",
        "→ map it",
    ):
        assert told in page


def test_a_table_is_sorted_where_its_head_is_clicked(found: Validation, tmp_path: Path) -> None:
    click = 'document.querySelector("#days th.n").click();'
    page = render_validation_page(found)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256((script + click).encode()).digest()).decode()
    page = re.sub(r"sha256-[^']+", f"sha256-{digest}", page.replace(script, script + click))
    (tmp_path / "sorted.html").write_text(page, encoding="utf-8")
    shown = dump_page(tmp_path / "sorted.html", tmp_path / "profile")
    days = shown[shown.index('<section id="days"') :].split("</section>")[0]
    counts = [int(count.replace(",", "")) for count in re.findall(r'<td class="n">([\d,]+)</td>', days)]
    assert len(counts) > 3
    assert counts == sorted(counts)


def test_a_run_of_one_second_and_a_run_of_nothing_are_drawn_too() -> None:
    outcome = Outcome("docs", "complete", 0)
    assert "timeline" in render_run_page(outcome, [Second(0.0, 0.0, 0, 0.0, 0.0, 0, 1)])
    assert "timeline" not in render_run_page(outcome, [])


def test_a_browser_without_a_network_finds_every_section_and_draws_light_and_dark(
    found: Validation, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text(render_validation_page(found), encoding="utf-8")
    understood = dump_page(page, tmp_path / "profile")
    assert re.findall(r'<section id="(\w+)"', understood) == list(SECTIONS)
    assert understood.count("<path") > 200
    pictures: dict[bool, bytes] = {}
    for is_dark in (False, True):
        picture = tmp_path / f"report-{'dark' if is_dark else 'light'}.png"
        take_screenshot(page, picture, tmp_path / "profile", is_dark=is_dark)
        pictures[is_dark] = Path(picture).read_bytes()
        assert pictures[is_dark].startswith(b"\x89PNG")
        assert len(pictures[is_dark]) > 50_000, "a blank page is smaller"
    assert pictures[False] != pictures[True]
