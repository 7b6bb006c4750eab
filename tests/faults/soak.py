"""Long trials of every fault, for `make soak`: real processes, real kills, real full disks. Prints what each came to.

`python tests/faults/soak.py [--kills N] [--only WORD]`. Where this machine doesn't allow a fault, the table says why.
"""

import argparse
import ctypes
import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from etl.sandbox.process import SandboxProcess
from tests.faults.soak_answers import try_hostile_answers, try_stalling_hints
from tests.faults.soak_closing import try_closing, try_full_disk
from tests.faults.soak_parquet import try_every_type
from tests.faults.soak_scarcity import try_address_space, try_threads
from tests.faults.soak_signals import try_second_signals, try_signals_while_staging
from tests.faults.soak_sql import try_expressions
from tests.faults.soak_state import try_damage
from tests.faults.soak_streams import try_broken_streams, try_encodings, try_state_of_another
from tests.faults.soak_uncertain import try_uncertain
from tests.faults.trial import MOST_RESENT, Trial
from tests.workbench import finish

# FS_IOC_SHUTDOWN with this flag drops what the page cache holds, as a power cut does.
FS_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2


@dataclass(slots=True)
class Line:
    """One line of the table: the fault, its trials, and the worst of what they came to."""

    fault: str
    trials: int = 0
    hits: int = 0
    lost: int = 0
    doubled: int = 0
    resent: int = 0
    problem: str = ""

    def add(self, one: Trial, crashes: int, *, hit: bool = True) -> None:
        """Finish the trial and take its tally; what is sent again is counted for each crash."""
        self.trials += 1
        self.hits += hit
        try:
            said = one.run()
            tally = one.tally()
        except Exception as error:  # noqa: BLE001 - a trial that can't be told is a finding
            self.problem = self.problem or f"{type(error).__name__}: {error}"[:100]
            return
        # 0: the kill came after the last event was settled, and there was nothing left to do.
        if said.code not in (0, 3) or not one.is_complete():
            self.problem = self.problem or f"the last run ended with {said.code}: {said.err.strip()[-80:]}"
        self.lost += max(tally.lost, 0)
        self.doubled += tally.doubled
        self.resent = max(self.resent, -(-tally.resent // max(crashes, 1)))

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost or stored twice, and no more was sent again than may be."""
        return not (self.lost or self.doubled or self.problem) and self.resent <= MOST_RESENT


def told(fault: str, trials: int, hits: int, problem: str) -> Line:
    """Return the line of trials that send nothing: how many there were, and how many came to what they look for."""
    return Line(fault, trials, hits, problem=problem)


class Soak:
    """The trials, each in a folder of its own under `root`."""

    def __init__(self, root: Path, kills: int) -> None:
        self.root, self.kills, self.rng = root, kills, random.Random(2024)
        self.count = 0

    def new(self, sandbox: SandboxProcess, events: int, state: Path | None = None) -> Trial:
        self.count += 1
        return Trial(self.root / f"trial{self.count}", sandbox, events, state)

    def killed_at_random(self) -> Line:
        """Kill -9 at a random moment of staging or sending, twice a trial."""
        line = Line("kill -9, random")
        while line.hits < self.kills:
            with SandboxProcess("--latency-ms", "0:3") as sandbox:
                one = self.new(sandbox, 12_000)
                crashes = 0
                for _ in range(5):
                    process = one.start()
                    time.sleep(self.rng.uniform(0.35, 1.8))
                    process.kill()
                    crashes += finish(process).code == -signal.SIGKILL
                line.add(one, crashes)
                line.hits += crashes - 1
        return line

    def killed_at_each_sync(self) -> Line:
        """Kill at the n-th fdatasync, for each n until a run gets by without one."""
        line = Line("kill at n-th fdatasync, each n")
        if problem := missing_strace():
            line.problem = problem
            return line
        for nth in range(1, 200):
            with SandboxProcess() as sandbox:
                one = self.new(sandbox, 2_500)
                said = one.run(wrapper=strace(f"fdatasync:signal=KILL:when={nth}"))
                survived = said.code == 3
                line.add(one, 0 if survived else 1, hit=not survived)
                if survived:
                    break
        return line

    def failing_sync(self) -> Line:
        """Let the n-th and every later fsync fail: exit 7, and no false done."""
        line = Line("fsync fails from the n-th on")
        if problem := missing_strace():
            line.problem = problem
            return line
        for nth in (1, 3, 5, 8, 12, 20):
            with SandboxProcess() as sandbox:
                one = self.new(sandbox, 2_500)
                said = one.run(
                    wrapper=strace(f"fdatasync:error=EIO:when={nth}+", f"fsync:error=EIO:when={nth}+")
                )
                if said.code not in (3, 7):
                    line.problem = f"exit {said.code}"
                line.add(one, 1, hit=said.code == 7)
        return line

    def power_loss(self) -> Line:
        """Cut the power of a loop-mounted ext4 at a random moment."""
        line = Line("power loss (ext4, page cache dropped)")
        for _ in range(8):
            try:
                with loop_ext4(self.root) as mounted, SandboxProcess("--latency-ms", "0:3") as sandbox:
                    one = self.new(sandbox, 8_000, mounted.path / "state")
                    process = one.start()
                    time.sleep(self.rng.uniform(0.5, 1.6))
                    mounted.cut_power()
                    process.kill()
                    finish(process)
                    mounted.mount_again()
                    line.add(one, 1)
            except (OSError, subprocess.CalledProcessError) as error:
                line.problem = f"not possible here: {error}"[:120]
                break
        return line

    def full_disk(self) -> Line:
        """Fill a small tmpfs: exit 7, then resume once there is room."""
        line = Line("disk full (tmpfs)")
        for size_kb in (64, 200, 400, 700, 1100):
            try:
                with tmpfs(self.root, size_kb) as (path, grow), SandboxProcess() as sandbox:
                    one = self.new(sandbox, 6_000, path / "state")
                    said = one.run()
                    if said.code not in (3, 7) or "Traceback" in said.err:
                        line.problem = f"exit {said.code} at {size_kb} KB"
                    grow()
                    line.add(one, 1, hit=said.code == 7)
            except (OSError, subprocess.CalledProcessError) as error:
                line.problem = f"not possible here: {error}"[:120]
                break
        return line

    def killed_while_closing(self) -> Line:
        """Kill a run at each call that changes the disk: the next one tells what the load came to."""
        fault = "kill at each step, closing too"
        return (
            told(fault, *try_closing(self.root))
            if not missing_strace()
            else told(fault, 0, 0, missing_strace())
        )

    def full_at_each_phase(self) -> Line:
        """Run on disks that are full at one phase or another: told by name, and resumed."""
        fault = "disk full at each phase, told as that"
        try:
            return told(fault, *try_full_disk(self.root, tmpfs))
        except (OSError, subprocess.CalledProcessError) as error:
            return told(fault, 0, 0, f"not possible here: {error}"[:120])

    def two_runs(self) -> Line:
        """Start two runs at once: one does the work, the other exits 8."""
        line = Line("two runs at once")
        for _ in range(6):
            with SandboxProcess("--latency-ms", "20") as sandbox:
                one = self.new(sandbox, 4_000)
                codes = sorted(finish(process).code for process in [one.start(), one.start()])
                if codes != [3, 8]:
                    line.problem = f"exits {codes}"
                line.add(one, 1)
        return line

    def signalled(self, number: signal.Signals) -> Line:
        """Send a signal at a random moment: drained within five seconds, nothing sent again."""
        line = Line(f"{number.name}, drained")
        for _ in range(8):
            with SandboxProcess("--latency-ms", "20:60") as sandbox:
                one = self.new(sandbox, 12_000)
                process = one.start()
                await_sending(sandbox, process)
                time.sleep(self.rng.uniform(0.0, 1.0))
                process.send_signal(number)
                at = time.monotonic()
                said = finish(process)
                if time.monotonic() - at > 5:
                    line.problem = f"took {time.monotonic() - at:.1f} s"
                if said.code not in (128 + number, 3):
                    line.problem = f"exit {said.code}"
                line.add(one, 1, hit=said.code == 128 + number)
        return line

    def lost_answers(self) -> Line:
        """Lose one answer in ten after the server stored the event."""
        line = Line("answer lost after it was stored, 10%")
        for _ in range(3):
            with SandboxProcess("--lose-answers", "10%") as sandbox:
                one = self.new(sandbox, 3_000)
                one.run()
                attempts = sandbox.stats()["attempts"]
                if attempts > 1.15 * one.events:
                    line.problem = f"{attempts} attempts for {one.events} events"
                line.add(one, 1)
        return line

    def uncertain(self) -> Line:
        """Kill runs into a destination that keeps doubles and loses answers, and whose key reads."""
        came = try_uncertain(self.root, self.kills)
        fault = "kill -9, answers lost, doubles kept: asked"
        return Line(fault, came.trials, came.kills, came.lost, came.doubled, problem=came.problem)

    def canary(self) -> Line:
        """Kill runs that send a canary first, into such a destination."""
        came = try_uncertain(self.root, self.kills, "--canary", "500")
        fault = "kill -9 around a canary, doubles kept"
        return Line(fault, came.trials, came.kills, came.lost, came.doubled, problem=came.problem)


def await_sending(sandbox: SandboxProcess, process: subprocess.Popen[str]) -> None:
    """Return once events arrive, however long a busy machine takes to begin."""
    while process.poll() is None and not sandbox.stats()["attempts"]:
        time.sleep(0.02)


def strace(*faults: str) -> tuple[str, ...]:
    """Return the wrapper that injects `faults` into a command."""
    return (
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=fdatasync,fsync",
        *(f"--inject={fault}" for fault in faults),
        "-o",
        os.devnull,
    )


def missing_strace() -> str:
    """Return why strace can't be used, or nothing."""
    if shutil.which("strace") is None:
        return "skipped: strace is not installed"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    return "skipped: strace may not trace here" if tried.returncode else ""


class LoopMount:
    """An ext4 filesystem in a file, whose power can be cut."""

    def __init__(self, image: Path, path: Path) -> None:
        self.image, self.path = image, path

    def cut_power(self) -> None:
        """Drop everything that is not on the disk, at once."""
        handle = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, FS_IOC_SHUTDOWN, ctypes.c_uint32(NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def mount_again(self) -> None:
        """Mount it anew, as after a reboot."""
        for _ in range(50):
            if subprocess.run(["umount", self.path], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
        subprocess.run(["mount", "-o", "loop", self.image, self.path], check=True, capture_output=True)


@contextmanager
def loop_ext4(root: Path) -> Iterator[LoopMount]:
    """Lend a loop-mounted ext4; raises where this machine doesn't allow one."""
    folder = Path(tempfile.mkdtemp(dir=root))
    image, path = folder / "disk.img", folder / "mounted"
    path.mkdir()
    with image.open("wb") as file:
        file.truncate(96 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "loop", image, path], check=True, capture_output=True)
    try:
        yield LoopMount(image, path)
    finally:
        subprocess.run(["umount", "-l", path], check=False, capture_output=True)
        image.unlink()


@contextmanager
def tmpfs(root: Path, size_kb: int) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Lend a tmpfs of so many KB, and what makes it larger; raises where this machine doesn't allow one."""
    path = Path(tempfile.mkdtemp(dir=root))
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", path], check=True, capture_output=True
    )

    def grow() -> None:
        subprocess.run(["mount", "-o", "remount,size=64m", path], check=True, capture_output=True)

    try:
        yield path, grow
    finally:
        subprocess.run(["umount", "-l", path], check=False, capture_output=True)


def main() -> int:
    """Run the trials and print the table; return 1 where one of them is not sound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="how many kill -9 there are at least")
    parser.add_argument("--only", default="", help="only the trials whose name holds this word")
    wanted = parser.parse_args()
    sound = True
    print(f"{'fault':<40}{'trials':>8}{'hits':>6}{'lost':>6}{'twice':>7}{'re-sent ≤':>11}", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        os.environ["XDG_STATE_HOME"] = f"{folder}/home"
        soak = Soak(Path(folder), wanted.kills)
        trials: list[tuple[str, Callable[[], Line]]] = [
            ("kill", soak.killed_at_random),
            ("fdatasync", soak.killed_at_each_sync),
            ("fsync", soak.failing_sync),
            ("power", soak.power_loss),
            ("full", soak.full_disk),
            ("two", soak.two_runs),
            ("sigint", lambda: soak.signalled(signal.SIGINT)),
            ("sigterm", lambda: soak.signalled(signal.SIGTERM)),
            ("sighup", lambda: soak.signalled(signal.SIGHUP)),
            (
                "staging",
                lambda: told("signal while staging: within 5 s", *try_signals_while_staging(Path(folder))),
            ),
            ("second", lambda: told("second signal: within 1 s", *try_second_signals(Path(folder)))),
            ("closing", soak.killed_while_closing),
            ("phases", soak.full_at_each_phase),
            ("answers", soak.lost_answers),
            ("uncertain", soak.uncertain),
            ("canary", soak.canary),
            ("hostile", lambda: told("answers that prove nothing, have no end", *try_hostile_answers())),
            ("hints", lambda: told("hints that stall: told, an outage", *try_stalling_hints())),
            ("memory", lambda: told("little address space: works, or is told", *try_address_space())),
            ("threads", lambda: told("few threads: works, or is told", *try_threads())),
            ("sql", lambda: told("SQL: refused, or of its row alone", *try_expressions())),
            ("state", lambda: told("each file of the state, damaged", *try_damage(Path(folder)))),
            ("parquet", lambda: told("Parquet types × uses × commands", *try_every_type(Path(folder) / "p"))),
            ("streams", lambda: told("streams closed, full, left: status stands", *try_broken_streams())),
            ("encodings", lambda: told("encodings that lack our characters", *try_encodings())),
            ("another", lambda: told("state of another user: 7, and told", *try_state_of_another())),
        ]
        for name, run in trials:
            if wanted.only in name:
                line = run()
                counts = f"{line.trials:>8}{line.hits:>6}{line.lost:>6}{line.doubled:>7}{line.resent:>11}"
                print(f"{line.fault:<40}{counts}  {line.problem}".rstrip(), flush=True)
                sound = sound and (line.is_sound or line.problem.startswith(("skipped", "not possible")))
    print(f"bound for what one crash may send again: {MOST_RESENT:,}; load average {os.getloadavg()[0]:.1f}")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
