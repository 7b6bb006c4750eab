"""Tells what `init` decided, how sure it is, and what to check. Values in, text out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from etl.plain import plain_line
from etl.typed import JobName

__all__ = ["Decision", "Start", "Trial", "print_start"]

_STYLES: Final = {"sure": "green", "likely": "cyan", "check": "bold yellow"}


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice: the job's key, its value as the job file writes it, why, and how sure it is."""

    key: str
    value: str
    why: str
    sureness: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of the first rows with the job as written; `problem` is set where it doesn't run at all."""

    read: int
    events: int
    rejected: int
    rejects: dict[str, int]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """A job file that `init` made: its text and place, what was decided, and how it does on a sample."""

    text: str
    job: str
    path: Path
    format: str
    preset: str | None
    decisions: tuple[Decision, ...]
    remarks: tuple[str, ...]
    trial: Trial
    has_times: bool = True

    @property
    def exit_code(self) -> int:
        """How the command ends: the job is written, but without times no row can become an event."""
        return 0 if self.has_times else 11

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` writes."""
        trial = self.trial
        return {
            "job": self.job,
            "path": str(self.path),
            "format": self.format,
            "preset": self.preset,
            "remarks": list(self.remarks),
            "decisions": [
                {"key": d.key, "value": d.value, "why": d.why, "sureness": d.sureness} for d in self.decisions
            ],
            "sample": {
                "read": trial.read,
                "events": trial.events,
                "rejected": trial.rejected,
                "rejects": trial.rejects,
            },
            "problem": trial.problem,
        }


def print_start(start: Start, console: Console) -> None:
    """Print the decisions, the trial, what to check and what to do next."""
    origin = f", recognised as {start.preset}" if start.preset else ""
    console.print(
        Text.assemble(("wrote ", ""), (plain_line(start.path), "bold"), (f": {start.format}{origin}", "")),
        soft_wrap=True,
    )
    for remark in start.remarks:
        console.print(Text(f"  {plain_line(remark)}", style="dim"), soft_wrap=True)
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("field", no_wrap=True)
    table.add_column("from", overflow="fold", max_width=60)
    table.add_column("", no_wrap=True)
    table.add_column("why", overflow="fold", style="dim")
    for decision in start.decisions:
        mark = Text(decision.sureness, style=_STYLES[decision.sureness])
        texts = [Text(plain_line(text)) for text in (decision.key, decision.value, decision.why)]
        table.add_row(*texts[:2], mark, texts[2])
    console.print(Padding(table, (0, 0, 0, 2)))
    console.print()
    _print_trial(start.trial, console)
    doubts = [decision for decision in start.decisions if decision.sureness == "check"]
    for decision in doubts:
        console.print(
            Text.assemble(
                ("check ", "bold yellow"), (plain_line(decision.key), "bold"), plain_line(f": {decision.why}")
            ),
            soft_wrap=True,
        )
    console.print(
        Text(f"Next: {plain_line(JobName(str(start.path)).type('preview'))}", style="bold"), soft_wrap=True
    )


def _print_trial(trial: Trial, console: Console) -> None:
    if trial.problem:
        console.print(Text(f"The job doesn't run yet: {trial.problem}", style="red"), soft_wrap=True)
        return
    ordered = sorted(trial.rejects.items(), key=lambda item: (-item[1], item[0]))
    codes = ", ".join(f"{code} {count:,}" for code, count in ordered)
    rejected = f", {trial.rejected:,} would be rejected ({codes})" if trial.rejected else ""
    console.print(
        f"Of the first {trial.read:,} rows {trial.events:,} become events{rejected}.", soft_wrap=True
    )
