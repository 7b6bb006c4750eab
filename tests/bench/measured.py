"""Runs a command and writes to a file, as JSON, how it ended and what it used: `measured.py FILE COMMAND...`.

A process of its own, and a small one: on Linux the peak memory of a child begins with that of the process it was forked
from, and the benchmark's own is hundreds of megabytes.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    """Run the command; its output is this process's own."""
    started = time.perf_counter()
    process = subprocess.Popen(sys.argv[2:])
    _, status, usage = os.wait4(process.pid, 0)
    used = {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.perf_counter() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }
    Path(sys.argv[1]).write_text(json.dumps(used), encoding="utf-8")


if __name__ == "__main__":
    main()
