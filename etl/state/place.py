"""Where a job's state lives, and where its events go. Pure: names of folders, no disk."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from etl.endpoint import parse_endpoint
from etl.errors import KeyProblem
from etl.job.model import Job
from etl.send.key import key_variables

__all__ = ["SANDBOX_MARK", "Destination", "JobPlace", "mark_for", "mark_of", "state_root"]

SANDBOX_MARK = "sandbox"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where events go: the endpoint, the key for it, and the mark that keeps its state apart from the job's own.

    A rehearsal against a sandbox must never count as delivered for the real API, so it has a state folder of its own.
    `key_env` is the variable that the job names for the key.
    """

    endpoint: str
    key: str | None
    mark: str = ""
    key_env: str | None = None

    @property
    def identity(self) -> str:
        """What the ledger knows the destination by: a sandbox listens somewhere else each time."""
        return SANDBOX_MARK if self.mark == SANDBOX_MARK else self.endpoint

    def reading_key(self) -> str:
        """Return the key, to ask with; raises `KeyProblem` where there is none."""
        if self.key is None:
            raise KeyProblem(
                "Expected an API key that can read, found none",
                f"Set {key_variables(self.key_env)[0]}, or give --key-file",
            )
        return self.key

    def __repr__(self) -> str:
        return f"Destination({self.endpoint!r}, key={'set' if self.key else 'none'}, mark={self.mark!r})"


@dataclass(frozen=True, slots=True)
class JobPlace:
    """The files of a job's state."""

    folder: Path

    @classmethod
    def of(cls, job: Job, state_dir: Path | None, mark: str) -> "JobPlace":
        """Return the place of `job` for destinations with `mark`."""
        return cls(state_root(job, state_dir) / (f"{job.name}@{mark}" if mark else job.name))

    def name_inside(self, path: str) -> str:
        """Return `path` relative to the job's folder, as the state keeps it: the folder may move to another machine."""
        inside = path and Path(path).is_relative_to(self.folder)
        return str(Path(path).relative_to(self.folder)) if inside else path

    def locate(self, name: str) -> str:
        """Return the path, from here, of the file that `name_inside` named. An older backfill kept whole paths, which
        stay.
        """
        return str(self.folder / name) if name else ""

    @property
    def status(self) -> Path:
        """What a running job publishes each second."""
        return self.folder / "status.json"

    @property
    def rejects_jsonl(self) -> Path:
        """The error report that keeps every value as it was."""
        return self.folder / "rejects.jsonl"

    @property
    def rejects_csv(self) -> Path:
        """The error report for a spreadsheet."""
        return self.folder / "rejects.csv"


def state_root(job: Job, state_dir: Path | None) -> Path:
    """Return the folder of all state: as asked for, or `.backfill` beside the job file."""
    return state_dir if state_dir is not None else job.folder / ".backfill"


def mark_for(job: Job, *, sandbox: bool, endpoint: str | None) -> str:
    """Return the mark of the destination that a command's flags name; raises `EndpointError` for a bad one."""
    if sandbox:
        return SANDBOX_MARK
    if endpoint is None or endpoint == job.upload.endpoint:
        return ""
    parse_endpoint(endpoint, "--endpoint")
    return mark_of(endpoint)


def mark_of(endpoint: str) -> str:
    """Return the mark of an endpoint that isn't the job's own, as in `127.0.0.1-8787`."""
    parts = urlsplit(endpoint)
    mark = "-".join(part for part in (parts.hostname or "endpoint", str(parts.port or "")) if part)
    return f"{mark}-host" if mark == SANDBOX_MARK else mark
