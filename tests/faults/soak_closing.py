"""Kills at each step of closing a load, and disks that are full at each phase: what the next run and `status` make of
them.

Each returns how many trials there were, how many of them hit, and the first fault found.
"""

import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from etl.sandbox.process import SandboxProcess
from tests.workbench import Said, call, finish, row_of, start, write_job

CALLS = ("rename", "unlink", "fdatasync", "fsync")
MOST_STEPS = 80
SIZES_KB = (8, 30, 50, 70, 90, 110, 130, 160, 190, 220, 260, 300, 350, 400, 500, 700)

Tried = tuple[int, int, str]
Tmpfs = Callable[[Path, int], AbstractContextManager[tuple[Path, Callable[[], None]]]]


def try_closing(root: Path) -> Tried:
    """Kill a small run at each of its calls that change the disk; the next run must tell what the load came to,
    once.
    """
    trials = hits = 0
    with SandboxProcess() as sandbox:
        for name in CALLS:
            for nth in range(1, MOST_STEPS):
                job = _write_job(root, rows=5)
                flags = ("--endpoint", sandbox.url, job)
                run = ("run", "--quiet", "--json", *flags)
                said = finish(start(*run, key=sandbox.api_key, wrapper=_killing(name, nth)))
                if said.code == 3:
                    break
                trials += 1
                hits += said.code in (-signal.SIGKILL, 128 + signal.SIGKILL)
                again = finish(start(*run, key=sandbox.api_key))
                standing = call("status", "--json", *flags)
                [folder] = (job.parent / ".backfill").iterdir()
                if problem := next(_faults(again, json.loads(standing.out), folder), ""):
                    return trials, hits, f"{name} {nth}: {problem}"
    return trials, hits, ""


def try_full_disk(root: Path, tmpfs: Tmpfs) -> Tried:
    """Run on disks of many sizes: exit 7 that `status` calls by its name, then done once there is room."""
    hits = 0
    for trial, size_kb in enumerate(SIZES_KB, start=1):
        job = _write_job(root, rows=1000)
        with tmpfs(root, size_kb) as (path, grow), SandboxProcess() as sandbox:
            flags = ("--endpoint", sandbox.url, "--state-dir", path / "state", job)
            said = finish(start("run", "--quiet", *flags, key=sandbox.api_key))
            hits += said.code == 7
            told = call("status", *flags).out
            grow()
            again = finish(start("run", *flags, key=sandbox.api_key))
            problems = [
                *([f"exit {said.code}"] if said.code not in (3, 7) else []),
                *(["a traceback"] if "Traceback" in said.err else []),
                *(["status says killed"] if said.code == 7 and "killed" in told else []),
                *(["not done once there was room"] if again.code not in (0, 3) else []),
            ]
            if problems:
                return trial, hits, f"{size_kb} KB: {', '.join(problems)}"
    return len(SIZES_KB), hits, ""


def _write_job(root: Path, *, rows: int) -> Path:
    """Write a job of which rows 4 and 5 are rejects."""
    folder = Path(tempfile.mkdtemp(dir=root))
    bad = [row_of(4, at="n/a"), row_of(5, action="z")]
    return write_job(folder, [*map(row_of, range(1, 4)), *bad, *map(row_of, range(6, rows + 1))])


def _killing(name: str, nth: int) -> tuple[str, ...]:
    inject = f"inject={name}:signal=KILL:when={nth}"
    return ("strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={name}", "-e", inject)


def _faults(again: Said, standing: dict[str, Any], folder: Path) -> Iterator[str]:
    """Yield what is wrong after a run was killed and the same command was run `again`."""
    told = json.loads(again.out)
    rows = {word: standing["rows"][word] for word in ("read", "delivered", "rejected", "pending")}
    if rows != {"read": 5, "delivered": 3, "rejected": 2, "pending": 0}:
        yield f"the books are {rows}"
    # 0 only where the killed run had told all there was to tell: then nothing of it is left to be told.
    if (again.code, told["rows"]["read"]) not in ((3, 5), (0, 0)) or sum(told["open_rejects"].values()) != 2:
        yield f"exit {again.code}, {told['rows']['read']} rows told"
    if left := [path.name for path in (*folder.glob("loads/*/events-*"), *folder.glob(".*.new"))]:
        yield f"left behind: {left[0]}"
    if (receipts := sorted(path.name for path in folder.glob("receipts/*"))) != ["000001.json"]:
        yield f"the receipts are {receipts}"
    if len((folder / "rejects.jsonl").read_text().splitlines()) != 2:
        yield "the report isn't true"
