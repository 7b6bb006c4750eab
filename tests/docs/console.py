"""Runs the commands of a page's console blocks, in their order, in a folder of the page's own that holds the samples.

A block under `<!-- file: NAME -->` is a file of that folder from there on.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.docs.likeness import keep_alike

__all__ = ["ROOT", "refresh_console", "run_command"]

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"^<!-- file: (?P<name>\S+) -->\n+```\w*\n(?P<content>.*?)^```$|(?<=^```console\n)(?P<console>.*?)(?=^```$)",
    re.MULTILINE | re.DOTALL,
)
COMMAND_SECONDS = 120
# A command goes on where its line ends with a backslash, and `>` begins each further line of it.
COMMAND = re.compile(r"^\$ (.*(?:\n> .*)*)$", re.MULTILINE)
MADE = (".backfill", "__pycache__")


def refresh_console(text: str) -> str:
    """Return the page with what each command of its console blocks prints now."""
    if "```console" not in text:
        return text
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        _copy_samples(folder)
        return BLOCK.sub(lambda match: _refresh_block(match, folder), text)


def run_command(command: str, folder: Path) -> list[str]:
    """Run a command as a person with an empty home would; return the lines of what it prints."""
    finished = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    return [line.rstrip() for line in finished.stdout.replace(f"{folder}/", "").splitlines()]


def _refresh_block(match: re.Match[str], folder: Path) -> str:
    if match["name"] is None:
        return keep_alike(match[0], _run_block(match[0], folder))
    file = folder / match["name"]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(match["content"], encoding="utf-8")
    return match[0]


def _run_block(block: str, folder: Path) -> str:
    answers = []
    for typed in COMMAND.findall(block):
        printed = run_command(typed.replace("\n> ", "\n"), folder)
        answers.append("\n".join([f"$ {typed}", *printed]) + "\n")
    return "\n".join(answers)


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "COLUMNS": "100",
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
    }


def _copy_samples(folder: Path) -> None:
    for name in ("jobs", "sample_data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*MADE))
    (folder / "tests").mkdir()
    for name in ("Makefile", "requirements.lock", "tests/requirements.lock", "pyproject.toml"):
        shutil.copyfile(ROOT / name, folder / name)
        os.utime(folder / name, (0, 0))  # older than what is set up already, so that `make` leaves that alone
    (folder / ".venv").symlink_to(ROOT / ".venv")
