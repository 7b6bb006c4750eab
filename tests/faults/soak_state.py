"""Damages each file of a job's state in each way, before each command: refused, or harmless; nothing sent twice or
altered.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from etl.sandbox.process import SandboxProcess
from tests.workbench import call, row_of, write_job, write_rows

__all__ = ["DAMAGES", "DamagedState", "try_damage"]

COMMANDS = (
    *("status", "loads", "rejects", "retry", "run", "validate", "doctor", "receipt", "verify", "adopt"),
    "dismiss --all --reason mended",
)
# Told or refused as the command says; 1 is a bug, and 0 to 3 a state that the damage didn't touch.
ALLOWED = (0, 3, 7)


class DamagedState:
    """A job with two loads, a retry and rejects, whose state is as it was before each trial; and a new night to
    load.
    """

    def __init__(self, folder: Path, sandbox: SandboxProcess) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.state, self.sound, self.older = (folder / name for name in ("state", "sound", "older"))
        (folder / "nights").mkdir(parents=True)
        os.environ["INKEEPANALYTICS_API_INTEGRATION_KEY"] = sandbox.api_key
        self._write_night(1)
        self.job = write_job(
            folder,
            paths="nights/*.csv",
            source='mode = "incremental"',
            upload=f'endpoint = "{sandbox.url}"',
        )
        assert self.call("run") == 3
        shutil.copytree(self.state, self.older)
        self._write_night(2)
        assert self.call("run") == 3
        assert self.call("retry") == 3
        shutil.copytree(self.state, self.sound)
        self.home = Path(os.environ["XDG_STATE_HOME"]) / "backfill"
        shutil.copytree(self.home, folder / "home")
        self.before = self.arrived()

    def files(self) -> list[Path]:
        """Return the files of the state, relative to its folder."""
        found = (path.relative_to(self.sound) for path in self.sound.rglob("*") if path.is_file())
        return sorted(path for path in found if "logs" not in path.parts)

    def call(self, command: str) -> int:
        quiet = ("--quiet",) if command in ("run", "retry", "validate") else ()
        return call(*command.split(), "--state-dir", self.state, *quiet, self.job).code

    def arrived(self) -> dict[str, tuple[str, int]]:
        return {event["id"]: (event["body"], event["attempts"]) for event in self.sandbox.events()}

    def try_each(
        self,
        commands: tuple[str, ...] = COMMANDS,
        damages: dict[str, Callable[[Path, Path], None]] | None = None,
    ) -> Iterator[str]:
        """Yield what each trial came to: nothing where it was as it should be."""
        for file in self.files():
            for name, damage in (damages or DAMAGES).items():
                for command in commands:
                    self._restore()
                    damage(self.state / file, self.older / file)
                    code = self.call(command)
                    wrong = "" if code in ALLOWED else f"exit {code}"
                    wrong = wrong or ("sent twice or altered" if self.arrived() != self.before else "")
                    yield f"{command} after {name} of {file}: {wrong}" if wrong else ""

    def _restore(self) -> None:
        for target, source in ((self.state, self.sound), (self.home, self.folder / "home")):
            shutil.rmtree(target)
            shutil.copytree(source, target)

    def _write_night(self, night: int) -> None:
        rows = [row_of(n, at="n/a" if n % 10 == 0 else "2024-01-31T09:30:00Z") for n in range(1, 20 * night)]
        write_rows(self.folder / "nights" / f"{night}.csv", rows)


def flip(path: Path, _: Path) -> None:
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 3, len(data), 97):
        data[at] ^= 1
    path.write_bytes(data)


def truncate(path: Path, _: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def delete(path: Path, _: Path) -> None:
    path.unlink()


def roll_back(path: Path, older: Path) -> None:
    path.write_bytes(older.read_bytes()) if older.exists() else path.unlink()


DAMAGES: dict[str, Callable[[Path, Path], None]] = {
    "a flip": flip,
    "truncation": truncate,
    "deletion": delete,
    "rollback": roll_back,
}


def try_damage(root: Path) -> tuple[int, int, str]:
    """Return how many trials there were, as often again, and what is wrong with the first that was not as it should
    be.
    """
    with SandboxProcess() as sandbox:
        done = list(DamagedState(root / "damaged", sandbox).try_each())
    return len(done), len(done), next((one for one in done if one), "")
