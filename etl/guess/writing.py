"""Writes a guess as a job file that a person reads: every choice with its reason, doubts marked CHECK. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from etl.guess.choices import Choice, Dialect, JobGuess, Reading, Sureness

__all__ = ["CHECK_MARK", "render_name", "render_value", "write_job", "write_reading"]

CHECK_MARK: Final = "# CHECK:"
_RESERVED: Final = {"*", "except"}
_USUAL_SEPARATORS: Final = {"csv": ",", "tsv": "\t"}


def write_job(
    name: str,
    paths: Sequence[str],
    guess: JobGuess,
    *,
    reading: Reading,
    job_file: str,
    schema: str | None,
) -> str:
    """Return the text of a job file over `paths`."""
    lines = [*([f"#:schema {schema}"] if schema else []), *_write_head(name, guess, reading, job_file)]
    lines += ["[source]", f"paths = {render_value(tuple(paths))}   # relative to this file"]
    lines += write_reading(reading)
    lines += ["", *_write_filter(guess.row_filter), "", "[event]"]
    lines += _write_fields(guess.event)
    if "id" not in guess.event:
        lines += _explain_ids(guess)
    lines += ["", *_write_properties(guess)]
    if guess.user_properties:
        lines += ["", "[event.userProperties]", *_write_fields(guess.user_properties)]
    lines += [
        "",
        "[upload]",
        'rate = "20/s"   # also "600/min" or "max"',
        "",
        "[limits]",
        'max_rejects = "5%"   # with more rejects nothing is sent: then the job is wrong, not the rows',
        *(_write_fields({"not_before": guess.not_before}) if guess.not_before is not None else ()),
    ]
    return "\n".join(lines) + "\n"


def write_reading(reading: Reading) -> list[str]:
    """Return the lines under [source] that say how the files are read."""
    lines = [f"format = {render_value(reading.format)}"] if reading.says_format else []
    lines += _write_fields(reading.source)
    if reading.dialect is not None:
        lines += _write_dialect(reading.dialect, _USUAL_SEPARATORS[reading.format])
    if reading.table:
        lines += ["", f"[source.{reading.format}]", *_write_fields(reading.table)]
    return lines


def render_name(column: str) -> str:
    """Return a column's name as SQL writes it, whatever stands in it."""
    doubled = column.replace('"', '""')
    return f'"{doubled}"'


def render_value(value: Any) -> str:
    """Return a value as TOML writes it, tables inline."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, Mapping):
        return (
            "{ "
            + ", ".join(f"{_render_key(key)} = {render_value(inner)}" for key, inner in value.items())
            + " }"
        )
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(render_value(inner) for inner in value) + "]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _write_head(name: str, guess: JobGuess, reading: Reading, job_file: str) -> Iterator[str]:
    origin = f"the preset {guess.preset}" if guess.preset else "a sample of the files"
    yield f"# Made by `backfill init` from {origin}. Edit it as you like."
    doubts = [key for key, choice in reading.choices().items() if choice.sureness is Sureness.CHECK]
    if doubts := [*doubts, *(key for key, _ in guess.to_check())]:
        keys = ", ".join(doubts)
        yield f"# Lines marked {CHECK_MARK[2:-1]} hold what the files alone can't tell: {keys}."
    yield "#"
    for command, what in (
        ("preview ", "the first rows beside their events"),
        ("validate", "every row, nothing sent"),
        ("run     ", "upload; add --sandbox to rehearse"),
    ):
        yield f"#   backfill {command} {_one_line(job_file)}   {what}"
    yield ""
    yield f"name = {render_value(name)}"
    yield ""


def _write_filter(chosen: Choice | None) -> list[str]:
    if chosen is None:
        return [
            "# [filter]",
            "# sql = \"…\"   # rows for which this isn't true are skipped, as in: region <> 'test'",
        ]
    mark = CHECK_MARK if chosen.sureness is Sureness.CHECK else "#"
    return [f"{mark} {_one_line(chosen.why)}", "[filter]", f"sql = {render_value(chosen.value)}"]


def _write_dialect(dialect: Dialect, usual_separator: str) -> list[str]:
    keys: dict[str, Any] = {}
    if dialect.separator != usual_separator:
        keys["separator"] = dialect.separator
    if dialect.encoding != "utf-8":
        keys["encoding"] = dialect.encoding
    keys |= dialect.shape
    if dialect.columns is not None:
        keys |= {"header": False, "columns": dialect.columns}
    if dialect.null_values != ("",):
        keys["null_values"] = dialect.null_values
    if not keys:
        return []
    lines = ["", "[source.csv]"]
    for key, value in keys.items():
        is_made_up = key == "columns" and not dialect.has_names
        note = "   # made up, after what they hold: rename them as you like" if is_made_up else ""
        lines.append(f"{key} = {render_value(value)}{note}")
    return lines


def _write_fields(choices: Mapping[str, Choice]) -> Iterator[str]:
    for key, choice in choices.items():
        if choice.sureness is Sureness.CHECK:
            yield f"{CHECK_MARK} {_one_line(choice.why)}"
            yield f"{_render_key(key)} = {render_value(choice.value)}"
        else:
            note = f"   # {_one_line(choice.why)}" if choice.why else ""
            yield f"{_render_key(key)} = {render_value(_plain(key, choice.value))}{note}"


def _plain(key: str, value: Any) -> Any:
    return {"column": value} if key in _RESERVED and isinstance(value, str) else value


def _explain_ids(guess: JobGuess) -> Iterator[str]:
    yield "# No `id`: it is made of the event's content, so that the same row always gives the same id."
    if guess.candidate_keys:
        names: Iterable[str] = (render_value(name) for name in guess.candidate_keys)
        yield f"# Columns that are unique in the sample, for an id by key: {', '.join(names)}"
        yield f"# id = {{ columns = [{render_value(guess.candidate_keys[0])}] }}"


def _write_properties(guess: JobGuess) -> Iterator[str]:
    yield "[event.properties]"
    if guess.every_column:
        yield '"*" = true   # every column that no field above uses, under its own name'
    yield from _write_fields(guess.properties)


def _one_line(text: str) -> str:
    """Return a comment's text on one line, without what TOML forbids in comments."""
    return "".join(char if char.isprintable() else " " for char in text)


def _render_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else render_value(key)
