"""What a command needs of the machine before Polars is loaded: threads and address space. Told in time, not half way.

Where either is too little, Polars, NumPy and the sender don't fail: they wait for ever, or end the process without a
word. Rule: imports nothing that needs what is looked for.
"""

import os
import sys
import threading
from collections.abc import Sequence
from typing import Final

from etl.errors import StateError

__all__ = ["check_machine", "loads_polars"]

# Measured: a run has 22 threads on two cores, and three more for each core beyond.
BASE_THREADS: Final = 20
THREADS_PER_CORE: Final = 3
# Measured: a run of any size reserves 2 GB on two cores (it uses a quarter), and 11 MB more for each core beyond.
LEAST_ADDRESS_BYTES: Final = 2_400_000_000
ADDRESS_BYTES_PER_CORE: Final = 16_000_000
_LIGHT: Final = ("completion", "schema", "sandbox")
_AGAIN: Final = "then run the same command again; nothing was sent"


def loads_polars(arguments: Sequence[str]) -> bool:
    """Whether the command line names a command that works on rows, and asks for more than help."""
    command = next((argument for argument in arguments if not argument.startswith("-")), None)
    return command not in (None, *_LIGHT) and not {"-h", "--help"}.intersection(arguments)


def check_machine() -> None:
    """Raise `StateError` where this process gets too few threads or too little address space; make do with few threads.

    Only a try tells how many threads there are: users, groups of processes and the system each have a limit of their
    own.
    """
    if sys.platform == "win32":
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    _check_address_space(cores)
    # Nothing here multiplies matrices; its pool would take a thread a core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    least = BASE_THREADS + THREADS_PER_CORE
    allowed = _count_threads(BASE_THREADS + THREADS_PER_CORE * cores)
    if allowed < least:
        raise StateError(
            f"Expected room for at least {least} threads, found room for {allowed}",
            f"Allow more (ulimit -u, or the container's limit of processes), {_AGAIN}",
        )
    if allowed < BASE_THREADS + THREADS_PER_CORE * cores:
        os.environ.setdefault("POLARS_MAX_THREADS", str((allowed - BASE_THREADS) // THREADS_PER_CORE))


def _check_address_space(cores: int) -> None:
    import resource

    least = LEAST_ADDRESS_BYTES + ADDRESS_BYTES_PER_CORE * cores
    for limit, flag in ((resource.RLIMIT_AS, "-v"), (resource.RLIMIT_DATA, "-d")):
        allowed = resource.getrlimit(limit)[0]
        if allowed != resource.RLIM_INFINITY and allowed < least:
            raise StateError(
                f"Expected room for at least {least / 1e6:,.0f} MB of address space, found a limit of "
                f"{allowed / 1e6:,.0f} MB",
                f"Raise it, as in ulimit {flag} unlimited, {_AGAIN}",
            )


def _count_threads(wanted: int) -> int:
    """Return how many threads can be started beside this one, up to `wanted`."""
    done = threading.Event()
    threads = []
    try:
        for _ in range(wanted):
            thread = threading.Thread(target=done.wait, daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError:
        pass
    finally:
        done.set()
        for thread in threads:
            thread.join()  # each waits for nothing but `done`
    return len(threads)
