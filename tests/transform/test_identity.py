"""Ids are frozen: golden vectors, and ten lines that recompute an id from nothing but its body."""

import json
import uuid
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl.event import ID_NAMESPACE, ID_SCHEME_VERSION
from etl.stage.load import LoadWriter
from etl.stage.parts import events_path, load_folder, read_part
from tests.transform.mapping import apply, bodies_of, job_of, map_rows

GOLDEN = Path(__file__).parents[1] / "contract" / "golden_ids.json"
VECTORS: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))["vectors"]
NUMBER = ', duplicates = "number"'


def recompute_content_id(body: bytes, repeat: int = 0) -> str:
    """The reference: from a body alone, with the standard library alone."""
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, "https://api.analytics.inkeep.com/events")
    id_member, rest = body.split(b",", 1)
    assert id_member.startswith(b'{"id":"')
    assert len(id_member) == len('{"id":""') + 36
    name = "{" + rest.decode()
    if repeat:
        name += f"\x1f{repeat}"
    return str(uuid.uuid5(namespace, name))


def toml_of(value: Any) -> str:
    """Any JSON value as the TOML of a field spec that takes it from the row's JSON cell."""
    return json.dumps(value, ensure_ascii=False)


def job_and_frame(vector: dict[str, Any], copies: int) -> tuple[Any, pl.DataFrame]:
    event, key = vector["event"], vector.get("key", {})
    cell = json.dumps({"event": event}, ensure_ascii=False)
    columns = {"row": [cell] * copies, **{name: [value] * copies for name, value in key.items()}}
    lines, tables = [], []
    for name, value in event.items():
        if isinstance(value, dict):
            members = (f'{toml_of(member)} = "row.event.{name}.{member}"' for member in value)
            tables.append(f"[event.{name}]\n" + "\n".join(members))
        else:
            lines.append(f'{name} = "row.event.{name}"')
    kind = f"columns = {toml_of(list(key))}, " if key else ""
    lines.append(f'id = {{ {kind}duplicates = "{"number" if vector["repeat"] else "collapse"}" }}')
    return job_of("\n".join(lines), after="\n".join(tables)), pl.DataFrame(columns)


def test_the_vectors_are_those_of_this_scheme() -> None:
    assert json.loads(GOLDEN.read_text(encoding="utf-8"))["namespace"] == str(ID_NAMESPACE)
    assert ID_SCHEME_VERSION == 1


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_every_golden_vector_comes_out_of_the_transform_and_the_stage(
    vector: dict[str, Any], tmp_path: Path
) -> None:
    job, frame = job_and_frame(vector, copies=vector["repeat"] + 1)
    done = apply(job, frame)
    assert done.rejects.height == 0, done.rejects["reason"].to_list()
    with LoadWriter(tmp_path, 1, numbers_repeats=vector["repeat"] > 0) as writer:
        writer.add(0, done, ())
        writer.finish()
    staged = read_part(events_path(load_folder(tmp_path, 1), 0))
    assert staged["id"][vector["repeat"]] == vector["id"]
    assert staged["body"][vector["repeat"]] == vector["body"]
    assert str(uuid.uuid5(ID_NAMESPACE, vector["hashed"])) == vector["id"]


@pytest.mark.parametrize(
    "vector", [v for v in VECTORS if v["kind"] == "content"], ids=lambda vector: vector["name"]
)
def test_a_content_id_is_recomputed_from_its_body_alone(vector: dict[str, Any]) -> None:
    job, frame = job_and_frame(vector, copies=1)
    (body,) = apply(job, frame).events["body"]
    assert recompute_content_id(body.encode()) == json.loads(body)["id"]
    assert recompute_content_id(vector["body"].encode(), vector["repeat"]) == vector["id"]


def test_repeats_are_numbered_apart_and_collapse_gives_them_one_id(tmp_path: Path) -> None:
    event = (
        'type = { value = "t" }\nentityType = { value = "message" }\nmessageId = "c"\ncreatedAt = "at"\nid = { '
        'duplicates = "%s" }'
    )
    cells = ["a", "b", "a", "a"]
    collapsed = map_rows({"c": cells}, event % "collapse").events["id"].to_list()
    assert collapsed[0] == collapsed[2] == collapsed[3] != collapsed[1]
    ids = []
    for order in (cells, ["a", "a", "a", "b"]):
        folder = tmp_path / "-".join(order)
        with LoadWriter(folder, 1, numbers_repeats=True) as writer:
            writer.add(0, map_rows({"c": order}, event % "number"), ())
            writer.finish()
        staged = read_part(events_path(load_folder(folder, 1), 0))
        ids.append(set(staged["id"]))
        repeats = [order[:place].count(cell) for place, cell in enumerate(order)]
        for body, repeat in zip(staged["body"], repeats, strict=True):
            assert recompute_content_id(body.encode(), repeat) == json.loads(body)["id"]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 4


def test_a_key_is_named_by_the_jobs_columns_and_a_verbatim_id_is_the_sources_own() -> None:
    event = (
        'type = { value = "t" }\nentityType = { value = "message" }\nmessageId = { value = "m" }\ncreatedAt = '
        '"at"\nid = %s'
    )
    done = map_rows({"b": [1, 2], "a": ['x"', None]}, event % '{ columns = ["b", "a"] }')
    assert done.events["id"].to_list() == [
        str(uuid.uuid5(ID_NAMESPACE, '{"entityType":"message","b":"1","a":"x\\""}'))
    ]
    assert done.rejects["reason"].to_list() == ["the id is made of `a`, which is empty"]
    verbatim = map_rows({"c": ['é "1"', ""]}, event % '{ column = "c", verbatim = true }')
    assert [body["id"] for body in bodies_of(verbatim)] == ['é "1"']
    assert verbatim.rejects["code"].to_list() == ["missing_required"]
