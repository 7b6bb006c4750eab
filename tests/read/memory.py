"""Reads the file named as an argument to its end, and prints what was found and the peak memory: run as a process."""

import sys
from pathlib import Path

from etl.errors import BackfillError
from etl.read.source import open_source
from tests.read.sources import job_over


def main(path: Path) -> None:
    rows = malformed = 0
    found = "whole"
    try:
        source = open_source(job_over(path.parent, path.name))
        for batch in source.batches(0):
            rows, malformed = rows + batch.frame.height, malformed + len(batch.malformed)
    except BackfillError as error:
        found = f"exit {error.exit_code}"
    # Not `getrusage`, whose peak counts that of the process that started this one.
    status = Path("/proc/self/status").read_text()
    peak_mb = int(status.partition("VmHWM:")[2].split()[0]) // 1024
    sys.stdout.write(f"{found} {rows} {malformed} {peak_mb}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
