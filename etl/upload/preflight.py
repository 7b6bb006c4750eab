"""What a run needs before it starts, told in time and not half way: room for open files, a key, an endpoint."""

import sys
from typing import Final

from etl.errors import StateError
from etl.send.connect import check_endpoint
from etl.send.key import no_key
from etl.state.place import Destination

__all__ = ["LEAST_OPEN_FILES", "check_readiness"]

# Connections, parts, the ledger, the log: below this something runs out somewhere, and says so in its own words.
LEAST_OPEN_FILES: Final = 128


def check_readiness(destination: Destination) -> None:
    """Raise `StateError`, `KeyProblem` or `EndpointError` where a run to `destination` had better not begin."""
    _check_open_files()
    if destination.key is None:
        raise no_key(destination.key_env)
    check_endpoint(destination.endpoint)


def _check_open_files() -> None:
    if sys.platform == "win32":
        return
    import resource

    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if allowed != resource.RLIM_INFINITY and allowed < LEAST_OPEN_FILES:
        raise StateError(
            f"Expected room for at least {LEAST_OPEN_FILES} open files, found a limit of {allowed}",
            "Raise it, as in ulimit -n 1024, then run the same command again; nothing was sent",
        )
