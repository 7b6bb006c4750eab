"""JSON documents: the one list in them is the rows, whatever is around it, a chunk in memory at a time."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl.errors import InputError, JobError
from etl.job.model import JsonSpec
from etl.read.json.cursor import Cursor
from etl.read.json.document import ListReader, find_lists
from etl.read.json.reader import open_json
from etl.sandbox.process import SandboxProcess
from tests.read.sources import gather, source_at
from tests.workbench import call

KEYS = st.one_of(st.sampled_from(["rows", "a", '"', "}", "[,", "\\", '\\"']), st.text(max_size=3))
VALUES = st.recursive(
    st.one_of(KEYS, st.none(), st.booleans(), st.integers(-(2**53), 2**53)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(KEYS, VALUES, max_size=3), max_size=4)


def in_chunks(text: bytes, size: int) -> Iterator[tuple[bytes, bool]]:
    for start in range(0, max(1, len(text)), size):
        yield text[start : start + size], start + size >= len(text)


def read_list(text: bytes, path: str, *, wanted: str = "id", size: int = 1 << 20) -> tuple[list[Any], Any]:
    reader = ListReader(tuple(path.split(".")) if path else (), frozenset({wanted}))
    found = [orjson.loads(element.text) for _, element in reader.read(Cursor(in_chunks(text, size)))]
    return found, reader.beside


@settings(max_examples=60)
@given(OBJECTS, VALUES, st.sampled_from([None, 1]), st.booleans(), st.sampled_from([1, 2, 3, 7, 1 << 20]))
@example([{"a": "\\"}], '\\\\"[', None, True, 1)
def test_whatever_is_around_the_list_its_objects_are_read_as_they_are(
    rows: list[Any], other: Any, indent: int | None, escapes: bool, size: int
) -> None:
    def write(value: Any) -> bytes:
        return json.dumps(value, indent=indent, ensure_ascii=escapes).encode()

    assert read_list(write(rows), "", size=size)[0] == rows
    around = {"x": other, "rows": rows, "y": [other], "id": 7}
    assert read_list(write(around), "rows", size=size) == (rows, [{"id": 7}])
    nested = {"all": {"list": [{"rows": rows, "id": 1}, {"x": other}, {"id": 2, "rows": rows}]}}
    assert read_list(write(nested), "all.list.*.rows", size=size) == (rows + rows, [{"id": 1}, {"id": 2}])


def test_lists_of_objects_are_found_and_counted() -> None:
    text = b'{"a": [1], "hits": {"total": 2, "hits": [{"x": "]"}, {}]}, "users": [{}], "none": []}'
    found = find_lists(Cursor(in_chunks(text, 5)))
    assert [(one.path, one.objects) for one in found] == [(("hits", "hits"), 2), (("users",), 1)]


def test_a_broken_object_is_one_reject_with_its_line(tmp_path: Path) -> None:
    text = b'[\n  {"a": 1},\n  {"a": tru},\n  7,\n  {\n    "a": 2\n  },\n  {\n    "a": x\n  }\n]\n'
    rows, malformed = gather(open_json(source_at(tmp_path, text, "rows.json"), JsonSpec()).batches())
    assert rows == [(1, "1"), (4, "2")]
    assert [(record.row, record.line) for record in malformed] == [(2, 3), (3, 4), (5, 8)]
    assert malformed[2].reason.startswith("the record is not JSON at column 10 of its line 2: ")
    assert malformed[1].reason == "expected a JSON object, found a number"
    assert malformed[0].raw == '{"a": tru}'


@pytest.mark.parametrize(
    ("text", "spec", "problem", "fix"),
    [
        (b'{"a": [{}], "b": {"c": [{}, {}]}}', {}, "Expected one list of objects, found `a` with 1 objects, `b.c` with "
            "2 objects - rows.json", 'Say which holds the rows: path = "b.c" under [source.json]'),
        (b'{"a":\n[1]}', {}, "Expected one list of objects, found none - rows.json",
            "Give files that hold rows: a JSON list of objects, or one object a line"),
        (b'[{"a": 1},\n{"a": ', {}, "Expected the end of the list, found `{\"a\":` in line 2 - rows.json", None),
        (b'{"a": [{}]', {"path": "a"}, "Expected a comma or the end of the object, found the end of the file in line 1 "
            "- rows.json", None),
        (b'[{}]\n[{}]', {}, "Expected the end of the document after its one value, found `[{}]` in line 2 - rows.json",
            "Copy or export the file again: it is truncated or damaged. One object a line, without a list around them, "
            'is format = "ndjson" under [source]'),
        (b'{"a": 1}', {"path": "b.c"}, "Expected a list at `b.c`, found none - rows.json",
            "Name the keys that lead to the list of rows: path under [source.json]"),
    ],
)  # fmt: skip
def test_what_cannot_be_rows_is_explained(
    tmp_path: Path, text: bytes, spec: dict[str, Any], problem: str, fix: str | None
) -> None:
    with pytest.raises(InputError) as caught:
        open_json(source_at(tmp_path, text, "rows.json"), JsonSpec(**spec))
    assert caught.value.problem == problem
    assert fix is None or caught.value.fix == fix


def test_a_name_for_what_stands_beside_must_be_new(tmp_path: Path) -> None:
    source = source_at(tmp_path, b'{"id": 1, "rows": [{"id": 2}]}', "rows.json")
    with pytest.raises(JobError) as caught:
        open_json(source, JsonSpec(path="rows", beside={"id": "id"}))
    assert caught.value.problem == (
        "Expected a name that no key of the rows has, found `id` - [source.json] beside, rows.json"
    )
    assert caught.value.fix == 'Give it another name: beside = { id_beside = "id" }'
    reader = open_json(source, JsonSpec(path="rows", beside={"chat": "id", "none": "id.x"}))
    assert gather(reader.batches())[0] == [(1, "2", "1", None)]


def test_an_object_too_long_to_hold_is_one_reject(tmp_path: Path) -> None:
    text = b'[{"a": 1}, {"a": "' + b'x[\\"' * (5 << 20) + b'"}, {"a": 2}]'
    source = source_at(tmp_path, text, "rows.json")
    rows, malformed = gather(open_json(source, JsonSpec()).batches())
    assert ([row[:2] for row in rows], [record.row for record in malformed]) == ([(1, "1"), (3, "2")], [2])


MESSAGES: list[dict[str, Any]] = [
    {"id": f"m{number}", "at": f"2024-05-0{number}T08:00:00Z", "text": f"question {number}", "n": number}
    for number in range(1, 6)
]


def test_a_document_is_written_a_job_validated_run_and_mended_without_an_edit(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    file, job = tmp_path / "export.json", tmp_path / "export.toml"
    file.write_text(json.dumps({"guild": {"id": "g"}, "messages": MESSAGES}, indent=2), encoding="utf-8")
    said = call("init", file, "-o", job)
    assert said.code == 0, said.err
    damaged = [*MESSAGES[:3], {**MESSAGES[3], "at": "n/a"}, MESSAGES[4]]
    file.write_text(json.dumps({"guild": {"id": "g"}, "messages": damaged}, indent=2), encoding="utf-8")
    assert 'path = "messages"' in job.read_text(encoding="utf-8")
    job.write_text(job.read_text(encoding="utf-8").replace('"5%"', '"50%"'), encoding="utf-8")
    assert json.loads(call("validate", "--json", job).out)["rows"]["rejected"] == 1
    assert call("run", "--quiet", "--sandbox", job).code == 3
    rejects = json.loads(call("rejects", "--sandbox", "--format", "jsonl", job).out)
    # The line of the file that a person finds it in: three objects of six lines stand before it.
    assert (rejects["row"], rejects["line"]) == (4, 24)
    rejects["source"]["at"] = "2024-05-04T08:00:00Z"
    (tmp_path / "mended.jsonl").write_text(json.dumps(rejects), encoding="utf-8")
    said = call("retry", "--sandbox", "--from", tmp_path / "mended.jsonl", job)
    assert said.code == 0, said.err
    assert "delivered  1" in said.out


def test_lines_and_a_list_of_the_same_objects_give_the_same_events(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("\n".join(map(json.dumps, MESSAGES)), encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps(MESSAGES, indent=1), encoding="utf-8")
    (tmp_path / "c.json").write_text(json.dumps({"x": MESSAGES}), encoding="utf-16")
    said = call("init", tmp_path / "a.json", "-o", tmp_path / "job.toml")
    assert said.code == 0, said.err
    text = (tmp_path / "job.toml").read_text(encoding="utf-8")
    assert 'format = "ndjson"' in text
    every = text.replace('paths = ["a.json"]', 'paths = ["*.json"]').replace('format = "ndjson"', "")
    (tmp_path / "job.toml").write_text(every, encoding="utf-8")
    rows = json.loads(call("validate", "--json", tmp_path / "job.toml").out)["rows"]
    assert (rows["read"], rows["duplicate"], rows["rejected"]) == (15, 10, 0)
