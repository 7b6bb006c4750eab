"""Writes the rejects of a dry run as an error report: JSONL, CSV or Parquet, by the file's suffix."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from etl.errors import JobError
from etl.output import form_in_name, open_output
from etl.rejects.report import (
    REPORT_SCHEMA,
    add_fixes,
    original_columns,
    write_csv,
    write_jsonl,
    write_parquet,
)

__all__ = ["RejectKeeper", "check_rejects_path"]


def check_rejects_path(path: Path) -> None:
    """Raise `JobError` where the suffix says no format that is known."""
    if form_in_name(path) is None:
        raise JobError(
            f"Expected a name that ends in .jsonl, .csv or .parquet, found `{path.name}` - --rejects-out",
            f"As in: --rejects-out {path.stem or 'rejects'}.jsonl",
        )


class RejectKeeper:
    """Takes the rejects batch by batch; memory holds one batch. `folder` is a scratch folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts = 0

    def add(self, rejects: pl.DataFrame) -> None:
        """Take some rejects, with the name of their `file`."""
        rejects.write_ipc(self._folder / f"rejects-{self._parts:05d}.arrow")
        self._parts += 1

    def write(self, path: Path, fixes: dict[tuple[str, str, str], str]) -> None:
        """Write the report; `fixes` says what to mend by code, field and column. Raises `StateError`."""
        form = form_in_name(path)
        with open_output(path, "the rejects") as out:
            if form == "csv":
                write_csv(self._frames(fixes), original_columns(self._frames(fixes)), out)
            elif form == "parquet":
                write_parquet(self._frames(fixes), out)
            else:
                write_jsonl(self._frames(fixes), out)

    def _frames(self, fixes: dict[tuple[str, str, str], str]) -> Iterator[pl.DataFrame]:
        for part in range(self._parts):
            frame = pl.read_ipc(self._folder / f"rejects-{part:05d}.arrow")
            frame = add_fixes(frame, fixes)
            yield frame.select(
                (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
                for name, dtype in REPORT_SCHEMA.items()
            )
