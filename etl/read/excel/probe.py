"""Tries in a process of its own whether an old workbook (.xls) can be read at all.

Damaged ones make the library ask for all the memory there is, or never come to an end, which ends the process that
asks. Better that is one with nothing else to lose.
"""

import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Final

__all__ = ["survives_reading"]

MOST_BYTES: Final = 4 << 30
MOST_SECONDS: Final = 60
# What the library says in its own words is told by whoever reads the file in earnest.
_PROGRAM: Final = """
import resource, sys
for kind, most in ((resource.RLIMIT_AS, int(sys.argv[2])), (resource.RLIMIT_CPU, int(sys.argv[3]))):
    resource.setrlimit(kind, (most, most))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import fastexcel
try:
    book = fastexcel.read_excel(sys.argv[1])
    for name in book.sheet_names:
        book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
except fastexcel.FastExcelError:
    pass
"""


def survives_reading(path: Path) -> bool:
    """Whether a process that reads every sheet of the workbook comes to its end."""
    state = path.stat()
    return _try_it(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _try_it(path: Path, _size: int, _mtime_ns: int) -> bool:
    limits = (str(MOST_BYTES), str(MOST_SECONDS))
    command = [sys.executable, "-I", "-c", _PROGRAM, str(path), *limits]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=2 * MOST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
