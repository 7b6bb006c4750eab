"""Reads the ids that a receipt is of from the file that was kept beside it: sorted, one a line."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from etl.errors import InputError
from etl.values.receipt import Receipt

__all__ = ["check_ids", "find_ids_file", "read_ids_file"]

_AT_ONCE: Final = 1 << 20
_WRITE_ANEW: Final = "where the state is: backfill receipt --load {load} --ids FILE JOB"


def find_ids_file(receipt_path: Path) -> Path:
    """Return the file of ids that lies beside a receipt: `NAME.ids.txt` for `NAME.json`, else `ids.txt`."""
    own = receipt_path.with_name(f"{receipt_path.stem}.ids.txt")
    return own if own.exists() else receipt_path.with_name("ids.txt")


def check_ids(path: Path, receipt: Receipt) -> None:
    """Raise `InputError` where the file at `path` doesn't hold the ids that `receipt` is of."""
    write_anew = _WRITE_ANEW.format(load=receipt.load)
    digest, lines, last = hashlib.sha256(), 0, b""
    try:
        with path.open("rb") as file:
            while some := file.read(_AT_ONCE):
                digest.update(some)
                lines += some.count(b"\n")
                last = some[-1:]
    except FileNotFoundError:
        raise InputError(
            f"Expected the ids of the receipt beside it, found none - {path}",
            f"Name their file with --ids FILE; or write them anew {write_anew}",
        ) from None
    except OSError as error:
        raise InputError(
            f"Expected the ids of the receipt, found `{error.strerror}` - {path}",
            "Name a file that can be read",
        ) from None
    if digest.hexdigest() != receipt.ids_sha256:
        what = "its last line without a line feed" if lines and last != b"\n" else f"{digest.hexdigest()}"
        raise InputError(
            f"Expected ids whose sha256 is {receipt.ids_sha256}, as the receipt says, found {what} - {path}",
            f"Sort them by their bytes, one a line (LC_ALL=C sort); or write them anew {write_anew}",
        )
    if lines != receipt.books.delivered:
        raise InputError(
            f"Expected {receipt.books.delivered:,} ids, one a line, found {lines:,} lines - {path}",
            "An id of this load has a line break in it, so it can't be asked for from the file: verify the job itself",
        )


def read_ids_file(path: Path) -> Iterator[str]:
    """Yield the ids of a file that was checked, in its order."""
    with path.open("rb") as file:
        for line in file:
            yield line[:-1].decode()
