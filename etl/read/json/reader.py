"""Opens a JSON document as rows: the objects of the one list in it, or of the lists that the job names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from etl.errors import InputError, JobError
from etl.job.model import JsonSpec
from etl.read.files import SourcePath
from etl.read.json.cursor import Broken, Cursor
from etl.read.json.document import FoundList, ListReader, find_lists
from etl.read.json.lines import holds_lines
from etl.read.ndjson import JsonRecord, NdjsonReader
from etl.read.text import open_text

__all__ = ["list_lists", "open_json"]


def open_json(source: SourcePath, spec: JsonSpec) -> NdjsonReader:
    """Return the reader of a document, its columns known; of one object a line where the file is such.

    Raises `InputError` where it is neither, or has no such list.
    """
    if spec.path is None and holds_lines(source):
        return NdjsonReader(source, spec)
    path = tuple(spec.path.split(".")) if spec.path else _choose_list(source)
    document = _Document(source, path, spec)
    reader = NdjsonReader(source, spec, records=document.read)
    if not document.lists:
        raise InputError(
            f"Expected a list at `{spec.path}`, found none - {source.name}",
            "Name the keys that lead to the list of rows: path under [source.json]",
        )
    if clash := sorted(set(spec.beside) & set(reader.schema)):
        raise JobError(
            f"Expected a name that no key of the rows has, found `{clash[0]}` - [source.json] beside, {source.name}",
            f"Give it another name: beside = {{ {clash[0]}_beside = {spec.beside[clash[0]]!r} }}".replace(
                "'", '"'
            ),
        )
    reader.add_columns(spec.beside)
    return reader


def _choose_list(source: SourcePath) -> tuple[str, ...]:
    """Return the path of the one list of objects in the document; raises `InputError` where that can't be told."""
    if Cursor(open_text(source)).peek() == b"[":
        return ()
    found = list_lists(source)
    if len(found) == 1:
        return found[0].path
    shown = ", ".join(f"`{'.'.join(one.path)}` with {one.objects:,} objects" for one in found[:5])
    most = max(found, key=lambda one: one.objects, default=None)
    raise InputError(
        f"Expected one list of objects, found {shown or 'none'} - {source.name}",
        f'Say which holds the rows: path = "{".".join(most.path)}" under [source.json]'
        if most
        else "Give files that hold rows: a JSON list of objects, or one object a line",
    )


def list_lists(source: SourcePath) -> list[FoundList]:
    """Return the lists of objects in the document; raises `InputError` for what is no JSON."""
    try:
        return find_lists(Cursor(open_text(source)))
    except Broken as fault:
        raise _explain(fault, source) from None


@dataclass(slots=True)
class _Document:
    """Reads the records of a document from its start, as often as asked; the first time learns what is beside them."""

    source: SourcePath
    path: tuple[str, ...]
    spec: JsonSpec
    lists: int = 0
    _beside: list[dict[str, Any]] = field(default_factory=list)

    def read(self) -> Iterator[JsonRecord]:
        wanted = frozenset(place.partition(".")[0] for place in self.spec.beside.values())
        lists = ListReader(self.path, wanted)
        try:
            for number, element in lists.read(Cursor(open_text(self.source))):
                yield JsonRecord(element.line, element.is_long, element.text, self._find_beside(number))
        except Broken as fault:
            raise _explain(fault, self.source) from None
        self.lists = lists.lists
        self._beside = [self._pick(values) for values in lists.beside]

    def _find_beside(self, number: int) -> Mapping[str, Any]:
        return self._beside[number] if number < len(self._beside) else {}

    def _pick(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: _follow(values, place.split(".")) for name, place in self.spec.beside.items()}


def _follow(value: Any, steps: list[str]) -> Any:
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _explain(fault: Broken, source: SourcePath) -> InputError:
    return InputError(
        f"{fault} - {source.name}",
        "Copy or export the file again: it is truncated or damaged. One object a line, without a list around them, is "
        'format = "ndjson" under [source]',
    )
