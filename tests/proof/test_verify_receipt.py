"""A receipt is verified on another machine: no ledger, only the document, its ids and a key that can read."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from etl.sandbox.process import SandboxProcess
from etl.typed import type_command
from tests.proof.test_verify_job import did
from tests.workbench import ROOT, Said, call, delivered, row_of, write_job, write_rows

EVENTS = 60


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[tuple[Path, SandboxProcess]]:
    """A receipt and its ids in a folder without any state, and the destination."""
    home, other = tmp_path / "home", tmp_path / "other"
    home.mkdir()
    other.mkdir()
    with delivered(home, rows=EVENTS) as (job, sandbox):
        where = ("--endpoint", sandbox.url)
        assert call("receipt", *where, "--ids", other / "ids.txt", "-o", other / "r.json", job).code == 0
        shutil.copytree(next((home / ".backfill").glob("docs@*/receipts")), other / "receipts")
        shutil.rmtree(home)
        yield other, sandbox


def check(path: Path, sandbox: SandboxProcess, *more: object) -> Said:
    return call(
        "verify", "--receipt", path, "--endpoint", sandbox.url, "--patience", "0", "--rate", "max", *more
    )


def told(said: Said) -> list[str]:
    """What is said, without how long it took."""
    return [line.partition(" in ")[0] for line in said.out.splitlines()]


def test_each_event_of_a_receipt_is_asked_for_by_its_id(machine: tuple[Path, SandboxProcess]) -> None:
    other, sandbox = machine
    said = check(other / "r.json", sandbox)
    assert said.code == 0, said.err
    assert told(said) == [
        f"docs, load 1: all {EVENTS} events are at the destination, once each",
        f"  receipt  {other}/r.json: the first of its job",
        f"  ids      {other}/ids.txt: all 60, with the sha256 that the receipt says",
        "  present  60  there once",
        "  missing   0",
        "  doubled   0",
        "  unknown   0",
        "  each was asked for by its id: 1 query",
        "  by day and type they are as many as the receipt counts",
        "  what 60 of them hold can't be compared: a receipt has no contents",
    ]
    found = json.loads(check(other / "r.json", sandbox, "--json").out)
    assert {name: found[name] for name in ("asked", "present", "proven", "counts_compared", "exit_code")} == {
        "asked": EVENTS,
        "present": EVENTS,
        "proven": 0,
        "counts_compared": True,
        "exit_code": 0,
    }


def test_what_is_not_there_once_is_named_and_a_day_or_type_that_was_changed_shows(tmp_path: Path) -> None:
    with delivered(tmp_path, "--forget", "5%", "--double", "5%", rows=200) as (job, sandbox):
        where = ("--endpoint", sandbox.url)
        call("receipt", *where, "--ids", tmp_path / "ids.txt", "-o", tmp_path / "r.json", job)
        said = check(tmp_path / "r.json", sandbox, "-o", tmp_path / "d.jsonl")
        found = json.loads(check(tmp_path / "r.json", sandbox, "--json").out)
        oracle = did(sandbox)
    assert said.code == found["exit_code"] == 9
    assert set(oracle.values()) == {"missing", "doubled"}
    lines = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    assert {line["id"]: line["finding"] for line in lines} == oracle
    assert found["present"] == 200 - found["missing"] - found["doubled"] == 200 - len(oracle)
    assert said.out.splitlines()[-1] == (
        f"{found['missing'] + found['doubled']} of 200 events of the receipt are not there once"
    )
    assert "  days and types can't be compared: not all events are known to be there" in said.out.splitlines()


def test_an_event_with_another_type_or_time_shows_in_the_counts(tmp_path: Path) -> None:
    with delivered(tmp_path, "--alter", "3%", rows=200) as (job, sandbox):
        where = ("--endpoint", sandbox.url)
        call("receipt", *where, "--ids", tmp_path / "ids.txt", "-o", tmp_path / "r.json", job)
        said = check(tmp_path / "r.json", sandbox)
        found = json.loads(check(tmp_path / "r.json", sandbox, "--json").out)
    assert (said.code, found["present"]) == (9, 200)
    altered = [one for one in found["counts"] if one["expected"] == 0]
    assert [one["type"] for one in altered] == ["search_query_submitted_altered"]
    kept = 200 - altered[0]["found"]
    assert f"  2024-01-31 search search_query_submitted: {kept} instead of 200" in said.out.splitlines()
    assert said.out.splitlines()[-1] == (
        "All events of the receipt are there, and 2 counts of them by day and type differ"
    )


def test_ids_by_content_prove_what_the_events_hold(tmp_path: Path) -> None:
    job = write_job(tmp_path, 20)
    job.write_text(job.read_text().replace('id = { columns = ["id"] }\n', ""))
    assert call("run", "--sandbox", "--quiet", job).code == 0
    call("receipt", "--sandbox", "--ids", tmp_path / "ids.txt", "-o", tmp_path / "r.json", job)
    said = call("verify", "--receipt", tmp_path / "r.json", "--sandbox", "--rate", "max")
    assert said.code == 0, said.err
    assert (
        told(said)[0] == "docs, load 1: all 20 events are at the destination, once each and as they were sent"
    )
    assert told(said)[-1] == "  20 carry an id that is the digest of their content, which proves it"


def test_a_sample_says_what_it_proves(machine: tuple[Path, SandboxProcess]) -> None:
    other, sandbox = machine
    said = check(other / "r.json", sandbox, "--sample", "10")
    assert told(said)[0] == "docs, load 1: 10 of 60 events are at the destination, once each"
    assert "  of 10, none missing: fewer than 26 % are, with 95 % confidence" in said.out.splitlines()


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def damage(other: Path, how: str) -> None:
    """Do to the receipt or its ids what may happen to files."""
    receipt, ids = other / "r.json", other / "ids.txt"
    match how:
        case "truncated":
            receipt.write_bytes(receipt.read_bytes()[:-20])
        case "gone":
            receipt.unlink()
        case "another document":
            receipt.write_text('{"a": 1}')
        case "books":
            edit(receipt, books=json.loads(receipt.read_text())["books"] | {"read": 61})
        case "days":
            edit(receipt, events=[])
        case "no ids":
            ids.unlink()
        case "an id less":
            ids.write_bytes(b"".join(ids.read_bytes().splitlines(keepends=True)[1:]))
        case "unsorted":
            ids.write_bytes(b"".join(reversed(ids.read_bytes().splitlines(keepends=True))))
        case "no last line feed":
            ids.write_bytes(ids.read_bytes()[:-1])


ANEW = "write them anew where the state is: backfill receipt --load 1 --ids FILE JOB"
KEPT = "Put back the copy that was kept of it, or ask for the receipts anew where the state is"


@pytest.mark.parametrize(
    ("how", "problem", "fix"),
    [
        ("gone", "Expected a receipt, found: No such file or directory - {r}", "Name a receipt's file"),
        (
            "another document",
            "Expected a receipt, found job: Field required - {r}",
            "Write it anew: {anew}",
        ),
        (
            "books",
            "Expected a receipt whose books add up, found 61 read and 60 accounted for - {r}",
            KEPT,
        ),
        (
            "days",
            "Expected a receipt whose days add up to what was delivered (60), found 0 - {r}",
            KEPT,
        ),
        (
            "no ids",
            "Expected the ids of the receipt beside it, found none - {ids}",
            f"Name their file with --ids FILE; or {ANEW}",
        ),
        (
            "no last line feed",
            "Expected ids whose sha256 is {sha}, as the receipt says, found its last line without a line feed - {ids}",
            f"Sort them by their bytes, one a line (LC_ALL=C sort); or {ANEW}",
        ),
    ],
)
def test_what_is_damaged_is_one_sentence_and_no_query(
    machine: tuple[Path, SandboxProcess], how: str, problem: str, fix: str
) -> None:
    other, sandbox = machine
    sha = json.loads((other / "r.json").read_text())["ids_sha256"]
    damage(other, how)
    said = check(other / "r.json", sandbox)
    places = {"r": other / "r.json", "ids": other / "ids.txt", "sha": sha}
    # The job that was in hand last, here that of the fixture; `JOB` in a process of its own.
    fix = fix.format(anew=type_command("receipt", "-o", "receipt.json"))
    assert (said.code, said.out, said.err) == (4, "", f"{problem.format(**places)}\n{fix}\n")


@pytest.mark.parametrize("how", ["truncated", "an id less", "unsorted"])
def test_whatever_else_is_damaged_ends_it_too(machine: tuple[Path, SandboxProcess], how: str) -> None:
    other, sandbox = machine
    damage(other, how)
    said = check(other / "r.json", sandbox)
    assert (said.code, len(said.err.splitlines())) == (4, 2)


def test_ids_that_were_sorted_otherwise_are_right_once_they_are_sorted_as_is_told(
    machine: tuple[Path, SandboxProcess],
) -> None:
    other, sandbox = machine
    damage(other, "unsorted")
    ids = other / "ids.txt"
    subprocess.run(["sort", "-o", ids, ids], env=os.environ | {"LC_ALL": "C"}, check=True)
    assert check(other / "r.json", sandbox).code == 0


def test_a_chain_beside_a_receipt_is_followed_and_a_break_in_it_told(tmp_path: Path) -> None:
    job = write_job(tmp_path, 5, source='mode = "incremental"')
    for rows in (5, 7, 9):
        write_rows(tmp_path / "log.csv", map(row_of, range(1, rows + 1)))
        assert call("run", "--sandbox", "--quiet", job).code == 0
    folder = tmp_path / ".backfill/docs@sandbox/receipts"
    paths = [folder / f"00000{number}.json" for number in (1, 2, 3)]
    ids = tmp_path / "ids.txt"
    assert call("receipt", "--sandbox", "--load", "2", "--ids", ids, job).code == 0
    command = ("verify", "--receipt", paths[1], "--ids", ids, "--sandbox", "--rate", "max")
    said = call(*command)
    assert told(said)[:2] == [
        "docs, load 2: all 2 events are at the destination, once each",
        f"  receipt  {paths[1]}: 1 before it as the chain says, 1 after it as the chain says, the chain begins there",
    ]
    kept = [path.read_bytes() for path in paths]
    digests = [json.loads(one)["previous_sha256"] for one in kept[1:]]
    paths[0].write_bytes(kept[0].replace(b'"load": 1', b'"load": 4'))
    broken = call(*command)
    assert broken.code == 4
    assert broken.err.startswith(f"Expected the receipt before it to have the sha256 {digests[0]}, found ")
    assert broken.err.endswith(f": the chain is broken - {paths[0]}\n{KEPT}\n")
    paths[0].unlink()
    assert (
        "the one before isn't beside it, so that the chain can't be followed to its begin"
        in told(call(*command))[1]
    )
    paths[0].write_bytes(kept[0])
    paths[1].write_bytes(kept[1].replace(b"0.1.0", b"0.2.0"))
    broken = call(*command)
    assert broken.code == 4
    assert broken.err.startswith(
        f"Expected the sha256 {digests[1]}, which 000003.json says of the receipt before it, found "
    )
    assert broken.err.endswith(f": the chain is broken - {paths[1]}\n{KEPT}\n")


def test_the_key_goes_nowhere_because_a_receipt_says_so(machine: tuple[Path, SandboxProcess]) -> None:
    other, sandbox = machine
    said = call("verify", "--receipt", other / "r.json")
    assert (said.code, said.err) == (
        2,
        (
            "Expected a receipt of events sent to https://api.analytics.inkeep.com, found one of events sent to "
            f"{sandbox.url} - {other}/r.json\nIf that is where the key is meant to go, say so: --endpoint "
            f"{sandbox.url}\n"
        ),
    )
    assert sandbox.attempts()  # what it was sent before, and no query since


def test_a_key_that_cannot_read_tells_nothing_of_the_events(
    machine: tuple[Path, SandboxProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    other, sandbox = machine
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", sandbox.web_key)
    said = check(other / "r.json", sandbox)
    assert said.code == 6
    assert (
        told(Said(0, said.err, ""))[0] == "docs, load 1: none of 60 events of the receipt could be asked for"
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--receipt", "r.json", "docs.toml"], "Expected JOB... or --receipt FILE, found both"),
        (
            ["--receipt", "r.json", "--repair"],
            "Expected a job beside --repair, found a receipt, which holds no contents",
        ),
        ([], "Expected JOB... or --receipt FILE, found none"),
        (["--ids", "ids.txt", "docs.toml"], "Expected JOB... or --receipt FILE, found --ids beside jobs"),
    ],
)
def test_what_does_not_go_together_is_told(arguments: list[str], problem: str) -> None:
    said = call("verify", *arguments)
    assert (said.code, said.err.splitlines()[0]) == (2, problem)


def test_the_recipe_for_an_auditor_is_on_the_page() -> None:
    page = (ROOT / "docs/recipes.md").read_text()
    assert "sha256sum --check" in page.partition("## What an auditor can check")[2]
