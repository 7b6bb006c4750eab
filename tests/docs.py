"""Keeps the README true: runs every command of its console blocks and writes, or checks, what they print.

`python tests/docs.py` refreshes, `--check` exits 1 where the README shows something else. Commands run in a copy of the
sample jobs, in the order of the README; times and rates may differ from one run to the next, words and counts may not.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from difflib import unified_diff
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
COMMAND_SECONDS = 120
VARYING = [
    (re.compile(r"\b\d[\d,.]* (ms|s|min|h|d)\b"), "TIME"),
    (re.compile(r"(TIME )+TIME"), "TIME"),
    (re.compile(r"\b[\d,.]+( rows)?/s\b"), "RATE"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?Z?)?"), "WHEN"),
    (re.compile(r"from 2000-01-01 to \d{4}-\d\d-\d\d"), "RANGE"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "URL"),
    (re.compile(r"\bpid \d+"), "PID"),
    (re.compile(r"[ \t]+"), " "),
]
# What a kill leaves behind depends on the moment: in these lines every count may differ.
INTERRUPTED = re.compile(r"^ *(sent|delivered|pending) .*$", re.MULTILINE)


def run_block(block: str, folder: Path) -> str:
    """Return the block with the output of each of its commands as it is now."""
    lines: list[str] = []
    for command in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
        lines.append(f"$ {command}")
        finished = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        lines += [line.rstrip() for line in finished.stdout.replace(f"{folder}/", "").splitlines()]
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def environment(folder: Path) -> dict[str, str]:
    """Return an environment with nothing of the person's own but the path."""
    return {
        "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "COLUMNS": "100",
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
    }


def copy_samples(folder: Path) -> None:
    """Copy what the README's commands need."""
    for name in ("jobs", "sample_data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".backfill", "__pycache__"))
    (folder / "tests").mkdir()
    for name in ("Makefile", "requirements.lock", "tests/requirements.lock", "pyproject.toml"):
        shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")


def normalise(text: str) -> str:
    """Return the text without what may differ between two runs."""
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return INTERRUPTED.sub(r"\1", text)


def main() -> int:
    """Refresh or check; return the exit code."""
    text = README.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        copy_samples(folder)
        fresh = BLOCK.sub(lambda match: run_block(match[0], folder), text)
    if "--check" not in sys.argv:
        README.write_text(fresh, encoding="utf-8")
        return 0
    if normalise(text) == normalise(fresh):
        return 0
    diff = unified_diff(
        normalise(text).splitlines(), normalise(fresh).splitlines(), "README.md", "true", lineterm=""
    )
    print("\n".join(diff), "\nREADME.md is out of date: make fix", sep="\n", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
