"""The examples of jobs/schedules, each checked by the tool that it is for, as far as that works without its server."""

import ast
import configparser
import inspect
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from click import Command

import etl
from etl.cli import backfill
from tests.workbench import ROOT, row_of, write_job

SCHEDULES = ROOT / "jobs/schedules"
has_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze isn't installed"
)


def run_tool(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, arguments)), capture_output=True, text=True, timeout=60, check=False, **options
    )


def accepts(words: list[str]) -> str:
    """Let our own command line parse `words` without calling anything; return the command's name."""
    with backfill.make_context("backfill", list(words)) as group:
        name, command, rest = backfill.resolve_command(group, [*group._protected_args, *group.args])
        assert isinstance(command, Command)
        command.make_context(name, rest, parent=group).close()
    return name or ""


# cron


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder like the examples' /srv/backfill, and a `backfill` that goes to the sandbox."""
    (tmp_path / "jobs").mkdir()
    write_job(tmp_path / "jobs", [row_of(1), row_of(2, at="n/a")])
    (tmp_path / "key").write_text("a key")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/backfill"
    command.write_text(
        f"#!{sys.executable} -P\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\nsys.argv.append('--sandbox')\n"
        "from etl.cli import main\nmain()\n"
    )
    command.chmod(0o755)
    return tmp_path


def cron_lines() -> list[tuple[str, str]]:
    """The entries of the crontab: when, and what."""
    text = (SCHEDULES / "crontab").read_text()
    lines = [
        line for line in text.splitlines() if line and not line.startswith("#") and "=" not in line.split()[0]
    ]
    return [(" ".join(line.split()[:5]), line.split(maxsplit=5)[5]) for line in lines]


def run_in_cron(host: Path, command: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": f"{host / 'bin'}:/usr/bin:/bin", "HOME": str(host)}
    return run_tool("/bin/sh", "-c", command.replace("/srv/backfill", str(host)), env=environ)


def test_the_times_of_the_crontab_are_times_and_no_percent_sign_ends_a_command() -> None:
    field = r"(\*|\d+)(/\d+)?"
    assert len(cron_lines()) == 2
    for when, command in cron_lines():
        assert re.fullmatch(" ".join([field] * 5), when)
        assert not re.search(r"(?<!\\)%", command)


def test_the_night_of_the_crontab_runs_all_jobs_and_keeps_what_they_say_in_a_log(host: Path) -> None:
    finished = run_in_cron(host, cron_lines()[0][1])
    assert (finished.returncode, finished.stdout, finished.stderr) == (3, "", "")
    assert "docs: complete, with rejects" in (host / "nightly.log").read_text()


def test_a_night_that_is_still_at_work_keeps_the_next_one_out_without_a_word(host: Path) -> None:
    with subprocess.Popen(["flock", "nightly.lock", "sleep", "60"], cwd=host, start_new_session=True) as held:
        try:
            while not (host / "nightly.lock").exists() or not _is_locked(host / "nightly.lock"):
                assert held.poll() is None
            finished = run_in_cron(host, cron_lines()[0][1])
        finally:
            os.killpg(held.pid, signal.SIGKILL)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    assert (host / "nightly.log").read_text() == ""


def _is_locked(path: Path) -> bool:
    return subprocess.run(["flock", "--nonblock", str(path), "true"], check=False).returncode != 0


def test_the_check_of_the_crontab_says_nothing_where_all_is_well_and_mails_what_is_not(host: Path) -> None:
    command = cron_lines()[1][1]
    finished = run_in_cron(host, command)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    (host / "jobs/log.csv").unlink()
    assert "problem  source" in run_in_cron(host, command).stderr


# systemd


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units as they are installed, for the job `search`; the command is one that is there."""
    for kind in ("service", "timer"):
        text = (SCHEDULES / f"backfill@.{kind}").read_text()
        for name in (f"backfill@.{kind}", f"backfill@search.{kind}"):
            (tmp_path / name).write_text(text.replace("/opt/backfill/bin/backfill", "/bin/true"))
    return tmp_path


@has_systemd
def test_systemd_finds_nothing_wrong_with_the_units(units: Path) -> None:
    finished = run_tool("systemd-analyze", "verify", "--man=no", *sorted(units.glob("backfill@search.*")))
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


@has_systemd
def test_systemd_would_find_what_is_wrong(units: Path) -> None:
    service = units / "backfill@search.service"
    service.write_text(service.read_text().replace("Type=oneshot", "Type=nonsense"))
    assert "nonsense" in run_tool("systemd-analyze", "verify", "--man=no", service).stderr


@has_systemd
def test_the_timer_goes_off_once_a_day() -> None:
    when = read_unit("backfill@.timer")["Timer"]["OnCalendar"]
    finished = run_tool(
        "systemd-analyze",
        "calendar",
        "--iterations=2",
        "--base-time=2026-06-01 00:00:00 UTC",
        when,
        env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
    )
    assert re.findall(r"2026-06-\d\d \S+", finished.stdout) == ["2026-06-01 03:15:00", "2026-06-02 03:15:00"]


def test_the_service_calls_a_command_that_there_is() -> None:
    words = read_unit("backfill@.service")["Service"]["ExecStart"].split()
    assert words[0].endswith("/bin/backfill")
    assert accepts(words[1:]) == "run"


def test_the_service_tries_again_only_after_a_passing_cause() -> None:
    service = read_unit("backfill@.service")["Service"]
    settled = set(map(int, service["SuccessExitStatus"].split())) | {0}
    final = set(map(int, service["RestartPreventExitStatus"].split()))
    assert {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 143} - settled - final == {5}


def read_unit(name: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(SCHEDULES / name)
    return parser


# Kubernetes


def manifests() -> Iterator[dict]:  # type: ignore[type-arg]
    yield from yaml.safe_load_all((SCHEDULES / "kubernetes.yaml").read_text())


def test_the_manifests_are_valid_against_the_apis_own_schema() -> None:
    for manifest in manifests():
        kubernetes_validate.validate(manifest, "1.37", strict=True)


def test_the_schema_would_find_what_is_wrong() -> None:
    cronjob = next(manifest for manifest in manifests() if manifest["kind"] == "CronJob")
    cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["readOnly"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(cronjob, "1.37", strict=True)


def test_the_pod_runs_a_command_that_there_is_as_nobody_on_a_read_only_root() -> None:
    cronjob = next(manifest for manifest in manifests() if manifest["kind"] == "CronJob")
    job = cronjob["spec"]["jobTemplate"]["spec"]
    [container] = job["template"]["spec"]["containers"]
    assert accepts(container["args"]) == "run"
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert job["template"]["spec"]["securityContext"]["runAsUser"] == 10001
    volumes = {volume["name"] for volume in job["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    final = job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]
    assert {1, 2, 3, 4, 5, 6, 7, 8, 10, 143} - set(final) == {5, 143}


# GitHub Actions


def test_the_workflow_is_valid_against_the_schema_of_workflows() -> None:
    workflow = SCHEDULES / "github-actions.yml"
    arguments = ("-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows")
    finished = run_tool(sys.executable, *arguments, workflow)
    assert finished.returncode == 0, finished.stdout


@pytest.mark.parametrize(("ended", "expected"), [(0, 0), (3, 0), (5, 5), (10, 10)])
def test_the_workflow_fails_where_a_run_does_and_warns_of_rejects(
    tmp_path: Path, ended: int, expected: int
) -> None:
    workflow = yaml.safe_load((SCHEDULES / "github-actions.yml").read_text())
    script = workflow["jobs"]["upload"]["steps"][-1]["run"]
    (tmp_path / "pipx").write_text(f'#!/bin/sh\necho "$@" >called\nexit {ended}\n')
    (tmp_path / "pipx").chmod(0o755)
    finished = run_tool("bash", "-e", "-c", script, cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert finished.returncode == expected
    assert finished.stdout.startswith("::warning::") == (ended == 3)
    called = (tmp_path / "called").read_text().split()
    assert accepts(called[called.index("backfill") + 1 :]) == "run"


# Orchestrators


@pytest.mark.parametrize("name", ["airflow_dag.py", "dagster_asset.py"])
def test_an_orchestrators_example_calls_the_python_api_as_it_is(name: str) -> None:
    tree = ast.parse((SCHEDULES / name).read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "etl"
        for alias in node.names
    }
    assert "run" in imported
    assert imported <= set(etl.__all__)
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in imported
    ]
    assert calls
    for call in calls:
        assert isinstance(call.func, ast.Name)
        signature = inspect.signature(getattr(etl, call.func.id))
        signature.bind(*call.args, **{keyword.arg or "": keyword.value for keyword in call.keywords})


def test_the_readme_names_every_example() -> None:
    text = (SCHEDULES / "README.md").read_text()
    names = {path.name for path in SCHEDULES.iterdir() if path.is_file()} - {"README.md"}
    assert {name for name in names if f"]({name})" in text} == names


def test_the_job_file_of_the_readme_is_one(tmp_path: Path) -> None:
    [block] = re.findall(r"```toml\n(.*?)```", (SCHEDULES / "README.md").read_text(), re.DOTALL)
    job = etl.load_job(write_job(tmp_path, 1, top=block))
    assert (job.notify.webhook_env, job.state.keep_loads) == ("BACKFILL_WEBHOOK_URL", 30)
