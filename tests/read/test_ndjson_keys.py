"""NDJSON with more keys than may be columns: the limit by its name in the job file, and all other keys as one
object.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from etl.errors import JobError
from etl.intake.fingerprint import mapping_fingerprint
from etl.job.load import load_job
from etl.job.model import NdjsonSpec
from etl.read.ndjson import NdjsonReader
from etl.sandbox.process import SandboxProcess
from tests.read.sources import source_at
from tests.workbench import ROOT, call, finish, start

JOB = """
name = "docs"
[source]
paths = ["log.ndjson"]
{ndjson}
[event]
entityType = {{ value = "search" }}
type = {{ value = "search_query_submitted" }}
searchQuery = "query"
createdAt = "at"
[event.properties]
{properties}
[upload]
rate = "max"
[limits]
max_rejects = "100%"
"""
REST = '[source.ndjson]\nkeys = ["at", "query"]\nrest = "other"'


def write(
    folder: Path, records: list[dict[str, object]], ndjson: str = REST, properties: str = 'all = "other"'
) -> Path:
    (folder / "log.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    path = folder / "docs.toml"
    path.write_text(JOB.format(ndjson=ndjson, properties=properties))
    return path


def record(number: int, **more: object) -> dict[str, object]:
    return {"at": "2024-01-31T09:30:00Z", "query": f"q{number}", **more}


def test_too_many_keys_name_the_limit_and_the_way_around_it(tmp_path: Path) -> None:
    records = [record(n, **{f"k{n}-{key}": key for key in range(10)}) for n in range(1_000)]
    said = call("validate", write(tmp_path, records, ndjson="", properties='"*" = true'))
    assert (said.code, said.out) == (4, "")
    assert said.err == (
        "Expected at most 2,000 different keys, each a column of every row, found more - log.ndjson\n"
        'Name the keys that are columns, all others become one object: [source.ndjson] keys = ["id", "at"], rest = '
        '"other"; '
        "or raise max_keys there\n"
    )
    assert call("validate", write(tmp_path, records)).code == 0
    raised = write(
        tmp_path, records[:300], ndjson="[source.ndjson]\nmax_keys = 3002", properties='"*" = true'
    )
    assert call("validate", raised).code == 0


def test_the_other_keys_are_one_object_whatever_their_order(tmp_path: Path) -> None:
    with SandboxProcess() as sandbox:
        for name, more in (
            ("a", {"z": 1, "b": {"y": [1.5]}, "a": "t"}),
            ("b", {"a": "t", "z": 1, "b": {"y": [1.5]}}),
        ):
            folder = tmp_path / name
            folder.mkdir()
            job = write(folder, [record(1, **more), record(2, other="own"), record(3)])
            said = finish(start("run", "--overlap=send", "--endpoint", sandbox.url, job, key=sandbox.api_key))
            assert said.code == 0, said
        bodies = sorted(
            (json.loads(event["body"]) for event in sandbox.events()), key=lambda body: body["searchQuery"]
        )
        copies = {event["attempts"] for event in sandbox.events()}
    assert [body.get("properties") for body in bodies] == [
        {"all": {"a": "t", "b": {"y": [1.5]}, "z": 1}},
        {"all": {"other": "own"}},
        None,
    ]
    assert copies == {2}, "the same ids from both"


def test_one_of_the_other_keys_is_found_by_its_path(tmp_path: Path) -> None:
    job = write(tmp_path, [record(1, page="/a", site="s")], properties='page = "other.page"')
    said = call("preview", "--json", job)
    assert json.loads(said.out)["rows"][0]["event"]["properties"] == {"page": "/a"}


def test_a_reject_keeps_the_other_keys_for_a_retry(tmp_path: Path) -> None:
    with SandboxProcess() as sandbox:
        job = write(tmp_path, [record(1, x="1"), {**record(2, x=2), "at": "n/a"}])
        place = ("--endpoint", sandbox.url)
        assert finish(start("run", *place, job, key=sandbox.api_key)).code == 3
        job.write_text(
            job.read_text().replace(
                'createdAt = "at"', "createdAt = { sql = \"replace(at, 'n/a', '2024-01-01T00:00:00Z')\" }"
            )
        )
        said = finish(start("retry", *place, job, key=sandbox.api_key))
        assert said.code == 0, said
        assert {json.dumps(json.loads(event["body"])["properties"]) for event in sandbox.events()} == {
            '{"all": {"x": "1"}}',
            '{"all": {"x": 2}}',
        }


@pytest.mark.parametrize(
    ("ndjson", "problem"),
    [
        ('keys = ["at"]', "Expected `keys` and `rest` together, because"),
        ('rest = "other"', "Expected `keys` and `rest` together, because"),
        ('keys = ["at"]\nrest = "at"', "Expected a name for `rest` that isn't one of `keys`, found `at`"),
        ("max_keys = 0", "max_keys"),
    ],
)
def test_half_of_it_is_an_error_of_the_job(tmp_path: Path, ndjson: str, problem: str) -> None:
    with pytest.raises(JobError) as error:
        load_job(write(tmp_path, [record(1)], ndjson=f"[source.ndjson]\n{ndjson}"))
    assert problem in str(error.value)


def test_the_limit_is_no_part_of_the_mapping(tmp_path: Path) -> None:
    plain, raised, named = (
        mapping_fingerprint(load_job(write(tmp_path, [record(1)], ndjson=ndjson)))
        for ndjson in ("", "[source.ndjson]\nmax_keys = 9", REST)
    )
    assert plain == raised != named


PEAK = """
import sys
from pathlib import Path
from etl.cli import main
sys.argv = ["backfill", "validate", "--quiet", "--json", sys.argv[1]]
try:
    main()
except SystemExit as stop:
    assert stop.code == 0, stop.code
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


def test_memory_does_not_grow_with_the_number_of_different_keys(tmp_path: Path) -> None:
    def peak_mb(keys: int) -> int:
        folder = tmp_path / str(keys)
        folder.mkdir()
        job = write(
            folder,
            [record(n, **{f"k{(5 * n + key) % keys}": key for key in range(5)}) for n in range(40_000)],
        )
        told = subprocess.run(
            [sys.executable, "-c", PEAK, job], capture_output=True, text=True, check=True, cwd=ROOT
        )
        return int(told.stdout.split()[-1]) // 1024

    few, many = peak_mb(10), peak_mb(200_000)
    assert many < 500
    assert many < few * 1.25 + 30


def test_only_sound_lines_bring_columns_and_each_may(tmp_path: Path) -> None:
    lines = (
        '{"a":1,"b":2}',
        '{"a":1,"lost":1,"lost":2}',
        '{"b":"x","late":3}',
        '["listed"]',
        '{"cut":',
        '{"a" : 1, "spaced" : 2}',
        '{"\\u001Frow":1,"hidden":2}',
    )
    source = source_at(tmp_path, "".join(f"{line}\n" for line in lines).encode(), "rows.ndjson")
    assert list(NdjsonReader(source).schema) == ["a", "b", "late", "spaced"]
    rest = NdjsonReader(source, NdjsonSpec(keys=("a", "late"), rest="other"))
    assert list(rest.schema) == ["a", "other", "late"]
    assert [one.row for batch in rest.batches() for one in batch.malformed] == [2, 4, 5, 7]
