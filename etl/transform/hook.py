"""Runs a job's own Python function over frames of rows: `[source] transform = "mapping.py:clean"`.

The function takes a LazyFrame of the source's columns and returns one. Its rule: a row must become the same whatever
rows stand beside it, because rows come in batches of any size and order, two batches at a time. It may add, change and
drop columns, and drop rows (they count as skipped); it may not invent rows. Only a file in the job file's own folder is
ever run.
"""

import hashlib
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from etl.errors import JobError
from etl.job.line_numbers import nearest_name, place_of
from etl.job.model import Job
from etl.values.rows import JSON_FLAG, ROW, column_named

__all__ = ["ORIGINAL", "Hook", "hook_digest", "load_hook"]

# The source's own columns beside what the hook made of them: rejects show these.
ORIGINAL: Final = "\x1foriginal:"


@dataclass(frozen=True, slots=True)
class Hook:
    """A function of a job's own folder; `name` is how the job file calls it."""

    name: str
    place: str
    function: Callable[[pl.LazyFrame], Any]
    columns: tuple[str, ...]

    def output_schema(self, schema: dict[str, pl.DataType]) -> dict[str, pl.DataType]:
        """Return the columns that the function makes of a source with those of `schema`; raises `JobError`."""
        return dict(self.run(pl.DataFrame(schema={**schema, ROW: pl.UInt32()})).schema)

    def run(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return what the function makes of `frame`, in the order of its rows, the original columns beside it.

        Raises `JobError` where the function breaks its rule, Polars' errors where it can't compute these rows.
        """
        made = self._call(frame)
        if ROW not in made.columns:
            raise self._complain(
                "a frame that keeps every column it doesn't know, found its row numbers gone",
                "Add columns with with_columns(…) and remove them with drop(…), instead of select(…)",
            )
        rows = made[ROW]
        is_known = (
            rows.dtype == pl.UInt32
            and rows.null_count() == 0
            and bool(rows.is_in(frame[ROW].implode()).all())
        )
        if not is_known or rows.n_unique() != rows.len():
            raise self._complain(
                f"the source's rows, each at most once, found {rows.len():,} made of {frame.height:,}",
                "A transform may drop rows and change columns; it can't repeat rows or add new ones",
            )
        originals = frame.select(ROW, *(column_named(name).alias(ORIGINAL + name) for name in self.columns))
        joined = made.join(originals, on=ROW, how="left", maintain_order="left").sort(ROW)
        return joined.with_columns(self._clear_flags(joined))

    def _call(self, frame: pl.DataFrame) -> pl.DataFrame:
        try:
            made = self.function(frame.lazy())
            if isinstance(made, pl.LazyFrame):
                return made.collect()
        except pl.exceptions.PolarsError as error:
            if frame.height:
                raise
            # Even no rows at all can't be computed: it isn't the rows.
            raise self._explain(error) from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the job author's code, anything may come
            raise self._explain(error) from None
        raise self._complain(
            f"a LazyFrame, found {type(made).__name__}",
            "Return the frame: def clean(rows): return rows.with_columns(…)",
        )

    def _clear_flags(self, joined: pl.DataFrame) -> list[pl.Expr]:
        """Take a text that the function changed as a text, even where it was JSON before."""
        flagged = [
            name for name in self.columns if JSON_FLAG + name in joined.columns and name in joined.columns
        ]
        return [
            (
                pl.col(JSON_FLAG + name)
                & (pl.col(name).cast(pl.String) == pl.col(ORIGINAL + name)).fill_null(value=False)
            ).alias(JSON_FLAG + name)
            for name in flagged
        ]

    def _complain(self, wanted: str, fix: str) -> JobError:
        return JobError(f"Expected of `{self.name}` {wanted} - {self.place}", fix)

    def _explain(self, error: BaseException) -> JobError:
        text = (str(error).splitlines() or [""])[0][:200]
        return self._complain(
            f"a function that runs, it raised {type(error).__name__}: {text}{_line_of(error, self.name)}",
            "Mend the function; it gets a LazyFrame of the source's columns and returns one",
        )


def load_hook(job: Job, columns: tuple[str, ...]) -> Hook | None:
    """Return the hook that the job names, or None; `columns` are the source's. Raises `JobError`."""
    name = job.source.transform
    if name is None:
        return None
    place = str(place_of(job, "source", "transform"))
    path, function_name = _find_file(job, place), name.rpartition(":")[2]
    module = types.ModuleType(f"backfill_transform_{path.stem}")
    module.__file__ = str(path)
    try:
        code = compile(path.read_bytes(), str(path), "exec")
        exec(code, module.__dict__)  # noqa: S102 - running the job's own file is what the key is for
    except (Exception, SystemExit) as error:  # noqa: BLE001 - anything may come from it
        text = (str(error).splitlines() or [""])[0][:200]
        raise JobError(
            f"Expected a Python file that loads, it raised {type(error).__name__}: {text}{_line_of(error, name)} - "
            f"{place}",
            f"Mend {path}",
        ) from None
    function = getattr(module, function_name, None)
    if not callable(function):
        defined = [key for key, value in vars(module).items() if isinstance(value, types.FunctionType)]
        guess = nearest_name(function_name, defined)
        raise JobError(
            f"Expected a function `{function_name}` in {path}, found none - {place}",
            f'Set transform = "{name.rpartition(":")[0]}:{guess}"'
            if guess
            else f"Define it there: def {function_name}(rows): …",
        )
    return Hook(name, place, function, columns)


def hook_digest(job: Job) -> str | None:
    """Return the SHA-256 of the hook's file, or None where the job has none: it is part of the mapping."""
    if job.source.transform is None:
        return None
    return hashlib.sha256(_find_file(job, str(place_of(job, "source", "transform"))).read_bytes()).hexdigest()


def _find_file(job: Job, place: str) -> Path:
    name = (job.source.transform or "").rpartition(":")[0]
    try:
        folder = job.folder.resolve(strict=True)
        path = (folder / name).resolve(strict=True)
    except OSError:
        path, folder = None, job.folder
    if path is None or not path.is_file():
        raise JobError(
            f"Expected a Python file {job.folder / name}, found nothing - {place}",
            "Put it beside the job file",
        )
    if not path.is_relative_to(folder):
        raise JobError(
            f"Expected a file inside {folder}, found a link to {path} - {place}",
            "Copy the file beside the job file: nothing outside its folder is run",
        )
    return path


def _line_of(error: BaseException, name: str) -> str:
    """Where in the hook's own file it happened, as far as the traceback tells."""
    file, line = name.rpartition(":")[0], None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(Path(file).name):
            line = trace.tb_lineno
        trace = trace.tb_next
    if line is None and isinstance(error, SyntaxError):
        line = error.lineno
    return f" ({file} line {line})" if line else ""
