"""Every option of every command with hostile values: never a traceback, always an exit code of the table and a fix."""

import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from etl.cli import COMMANDS, backfill
from etl.exits import EXITS
from etl.sandbox.process import SandboxProcess
from tests.workbench import Said, call, row_of, write_job

# Empty, huge, negative, no number, of two lines, an escape, bytes that are no UTF-8, a folder for a file and a file for
# a folder, what looks like an option or a format.
VALUES = (
    *("", "0", "-1", "9" * 30, "nan", "1\n2", "a\x1b[31mb\u202e", "\udcff\udcfe", "x" * 5000),
    *("folder", "file.txt", "bytes.bin", "missing/x/y", "file.txt/x", "--", "%s{0}${HOME}", "🙂=1"),
)
# What these take is tried where they are tested: a sandbox listens until it is stopped.
LEFT_OUT = {"sandbox"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, SandboxProcess]]:
    """A folder to work in, with a job that has run, and where it was delivered to."""
    folder, before = tmp_path_factory.mktemp("fuzz"), Path.cwd()
    job = write_job(folder, [row_of(1), row_of(2, at="n/a"), "cut"])
    (folder / "folder").mkdir()
    (folder / "file.txt").write_text("x", encoding="utf-8")
    (folder / "bytes.bin").write_bytes(b"\xff\xfe\x00\x01")
    with SandboxProcess() as sandbox:
        os.environ["INKEEPANALYTICS_API_INTEGRATION_KEY"] = sandbox.api_key
        os.chdir(folder)
        try:
            assert call("run", "--quiet", "--endpoint", sandbox.url, job).code == 3
            yield folder, sandbox
        finally:
            os.chdir(before)
            del os.environ["INKEEPANALYTICS_API_INTEGRATION_KEY"]


def options_of(command: click.Command) -> list[click.Option]:
    return [one for one in command.params if isinstance(one, click.Option) and not one.is_flag]


def words_before(name: str, command: click.Command, option: click.Option, url: str) -> list[str]:
    """The command with what it needs to come to its work."""
    takes = {one.name for one in command.params}
    words = [name]
    if {"job", "jobs"} & takes:
        words.append("docs.toml")
    elif name == "init":
        words.append("log.csv")
    elif name == "completion":
        words.append("bash")
    if "endpoint" in takes and option.name != "endpoint":
        words += ["--endpoint", url]
    if name in ("verify", "adopt") and option.opts[-1] != "--rate":
        words += ["--rate", "1000/s"]
    return words


def fault_in(said: Said) -> str | None:
    """What is wrong with how a command ended; None where nothing is."""
    if "Traceback" in said.err or said.code not in EXITS or said.code == 1:
        return "it failed as a bug does"
    if any(mark in said.out + said.err for mark in ("\x1b[31m", "\u202e")):
        return "it printed what a terminal obeys"
    # A doctor prints what it finds, with the fixes.
    lines = f"{said.err}{said.out}".strip().splitlines()
    if said.code in (2, 4, 7) and len(lines) < 2:
        return "it told no fix"
    return None


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - LEFT_OUT))
def test_no_value_of_an_option_breaks_a_command(place: tuple[Path, SandboxProcess], name: str) -> None:
    command = backfill.get_command(click.Context(backfill), name)
    assert command is not None
    faults = []
    for option in options_of(command):
        for value in VALUES:
            words = words_before(name, command, option, place[1].url)
            said = call(*words, option.opts[-1], value)
            if fault := fault_in(said):
                faults.append(
                    f"{name} {option.opts[-1]} {value[:20]!r}: {fault} ({said.code}): {said.err[-300:]}"
                )
    assert not faults, "\n\n".join(faults)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - LEFT_OUT))
def test_no_value_of_an_argument_breaks_a_command(place: tuple[Path, SandboxProcess], name: str) -> None:
    command = backfill.get_command(click.Context(backfill), name)
    assert command is not None
    if not any(isinstance(one, click.Argument) for one in command.params):
        return
    faults = []
    for value in VALUES:
        said = call(name, *([] if name != "reset" else ["--yes"]), "--", value)
        if fault := fault_in(said):
            faults.append(f"{name} {value[:20]!r}: {fault} ({said.code}): {said.err[-300:]}")
    assert not faults, "\n\n".join(faults)
