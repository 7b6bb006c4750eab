"""Shell completion: the script is a shell's own, and what it asks for is answered."""

import subprocess
import sys
from pathlib import Path

import pytest

from etl.cli import COMMANDS
from tests.workbench import ROOT, call

CANDIDATES = """
COMP_WORDS=(backfill {words})
COMP_CWORD={position}
_backfill_completion backfill
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A `backfill` on a path of its own, as an install puts it there."""
    path = tmp_path / "bin/backfill"
    path.parent.mkdir()
    path.write_text(
        f"#!{sys.executable} -P\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom etl.cli import main\nmain()\n"
    )
    path.chmod(0o755)
    return path


def complete_in_bash(command: Path, words: str, position: int) -> list[str]:
    script = call("completion", "bash").out + CANDIDATES.format(words=words, position=position)
    finished = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={"PATH": f"{command.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert finished.stderr == ""
    return finished.stdout.split()


def test_bash_completes_commands_options_and_choices(command: Path) -> None:
    assert complete_in_bash(command, "do", 1) == ["doctor"]
    assert set(complete_in_bash(command, "''", 1)) == set(COMMANDS)
    assert {"--sandbox", "--key-file"} <= set(complete_in_bash(command, "doctor --", 2))
    assert complete_in_bash(command, "completion b", 2) == ["bash"]


@pytest.mark.parametrize(("shell", "line"), [("zsh", "plain\ndoctor\n"), ("fish", "plain,doctor\t")])
def test_zsh_and_fish_get_their_answers_in_their_own_form(command: Path, shell: str, line: str) -> None:
    words = {"zsh": "backfill do", "fish": "backfill do"}[shell]
    finished = subprocess.run(
        [str(command)],
        env={
            "_BACKFILL_COMPLETE": f"{shell}_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": "do" if shell == "fish" else "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.stdout.startswith(line)


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", "complete -o nosort -F"),
        ("zsh", "#compdef backfill"),
        ("fish", "complete --no-files --command backfill"),
    ],
)
def test_each_shell_gets_its_own_script(shell: str, words: str) -> None:
    said = call("completion", shell)
    assert (said.code, said.err) == (0, "")
    assert words in said.out
    assert f"_BACKFILL_COMPLETE={shell}_complete" in said.out


def test_another_shell_is_a_wrong_command() -> None:
    assert call("completion", "tcsh").code == 2
