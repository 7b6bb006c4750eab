"""What a run needs of the machine before it starts: told in time, not half way."""

import sys
from typing import Final

from etl.errors import StateError

__all__ = ["LEAST_OPEN_FILES", "check_open_files"]

# Connections, parts, the ledger, the log: below this something runs out somewhere, and says so in its own words.
LEAST_OPEN_FILES: Final = 128


def check_open_files() -> None:
    """Raise `StateError` where this process may have too few files open."""
    if sys.platform == "win32":
        return
    import resource

    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if allowed != resource.RLIM_INFINITY and allowed < LEAST_OPEN_FILES:
        raise StateError(
            f"Expected room for at least {LEAST_OPEN_FILES} open files, found a limit of {allowed}",
            "Raise it, as in ulimit -n 1024, then run the same command again; nothing was sent",
        )
