"""What needs the package index, for `make soak`: pipx installs the wheel, Airflow and Dagster load the examples and run
them.

`python tests/packaging/soak.py [--only WORD]`. Prints what each came to; ends with 1 where one failed. Where the index
can't be reached, the table says so: that is no failure.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SCHEDULES = ROOT / "jobs/schedules"
INSTALL_SECONDS = 900

# Runs inside the orchestrator's environment, where the wheel is installed too.
AIRFLOW = """
import sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
dag = bag.dags["backfill_search"]
assert set(dag.task_ids) == {"check", "upload"}, dag.task_ids
rows = dag.get_task("check").python_callable()
print("sent", dag.get_task("upload").python_callable(rows)["sent_now"], "of", rows)
"""
DAGSTER = """
import runpy, sys
from dagster import Definitions, materialize
example = runpy.run_path(sys.argv[1])
Definitions.validate_loadable(example["definitions"])
result = materialize([example["search_events"]])
assert result.success
[event] = result.asset_materializations_for_node("search_events")
print("sent", event.metadata["sent now"].value)
"""


class Trial(NamedTuple):
    """What a trial came to: None where it couldn't be held."""

    passed: bool | None
    said: str


Hold = Callable[[Path, Path], Trial]


def main() -> int:
    """Hold the trials; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD")
    wanted = parser.parse_args().only
    trials: list[tuple[str, Hold]] = [
        ("pipx", install_with_pipx),
        ("airflow", load_in_airflow),
        ("dagster", materialise_in_dagster),
    ]
    failed = False
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        wheel = build_wheel(folder)
        for title, hold in trials:
            if wanted in title:
                place = folder / title
                place.mkdir()
                trial = hold(place, wheel)
                failed = failed or trial.passed is False
                word = {True: "passed", False: "FAILED", None: "not held"}[trial.passed]
                print(f"{title:10} {word:10} {trial.said.strip()}", flush=True)
    return int(failed)


def build_wheel(folder: Path) -> Path:
    """Return the wheel of the tree."""
    call(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT, check=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def install_with_pipx(folder: Path, wheel: Path) -> Trial:
    """Install the wheel with pipx into an empty home, and run the demo with what that gave."""
    tool = make_environment(folder / "tool", "pipx")
    if tool is None:
        return Trial(None, "the package index can't be reached")
    home = {"PIPX_HOME": str(folder / "home"), "PIPX_BIN_DIR": str(folder / "bin")}
    installed = call(tool / "pipx", "install", wheel, cwd=folder, **home)  # type: ignore[arg-type]
    if installed.returncode:
        return Trial(False, installed.stderr)
    for name in ("jobs", "sample_data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".backfill"))
    jobs = sorted((folder / "jobs").glob("*.toml"))
    finished = call(folder / "bin/backfill", "run", "--sandbox", "--quiet", *jobs, cwd=folder)
    complete = finished.stdout.count(": complete")
    return Trial(
        finished.returncode == 3 and complete == len(jobs),
        f"{complete} of {len(jobs)} jobs of the demo complete",
    )


def load_in_airflow(folder: Path, wheel: Path) -> Trial:
    """Let Airflow load the DAG, and call its tasks against the sandbox."""
    home = {"AIRFLOW_HOME": str(folder / "home"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    return run_example(folder, wheel, "airflow_dag.py", "apache-airflow", AIRFLOW, home)


def materialise_in_dagster(folder: Path, wheel: Path) -> Trial:
    """Let Dagster load the definitions, and materialise the asset against the sandbox."""
    return run_example(folder, wheel, "dagster_asset.py", "dagster", DAGSTER, {"DAGSTER_HOME": str(folder)})


def run_example(
    folder: Path, wheel: Path, name: str, package: str, script: str, environ: dict[str, str]
) -> Trial:
    """Run `script` on the example in an environment with `package` and the wheel; its job goes to a sandbox."""
    from etl.sandbox.process import SandboxProcess

    tools = make_environment(folder / "environment", package, str(wheel))
    if tools is None:
        return Trial(None, f"{package} and the wheel can't be installed together here")
    with SandboxProcess() as sandbox:
        for part in ("jobs", "sample_data"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns(".backfill"))
        job = folder / "jobs/docs-search.toml"
        text = job.read_text().replace("[upload]", f'[upload]\nendpoint = "{sandbox.url}"')
        job.write_text(text)
        (folder / "examples").mkdir()
        example = folder / "examples" / name
        source = (SCHEDULES / name).read_text()
        source = source.replace("/srv/backfill/jobs/search.toml", str(job)).replace(
            "/var/lib/backfill", str(folder / "state")
        )
        example.write_text(source)
        key = {"INKEEPANALYTICS_API_INTEGRATION_KEY": sandbox.api_key}
        finished = call(tools / "python", "-c", script, example, cwd=folder, **environ, **key)  # type: ignore[arg-type]
        stored = sandbox.stats()["stored"]
    said = next(
        (line for line in finished.stdout.splitlines() if line.startswith("sent ")), finished.stderr[-2000:]
    )
    return Trial(finished.returncode == 0 and stored > 0, f"{said}; {stored} stored")


def make_environment(folder: Path, *packages: str) -> Path | None:
    """Return the folder of the commands of a new environment with `packages`; None where they can't be installed."""
    call(sys.executable, "-m", "venv", folder, cwd=folder.parent, check=True)
    installed = call(folder / "bin/python", "-m", "pip", "install", "--quiet", *packages, cwd=folder.parent)
    if installed.returncode:
        print(installed.stderr[-2000:], file=sys.stderr)
    return None if installed.returncode else folder / "bin"


def call(
    *arguments: str | Path, cwd: Path, check: bool = False, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command, with nothing of this environment's own Python in its way."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("INKEEP", "PYTHON", "VIRTUAL"))
    }
    return subprocess.run(
        list(map(str, arguments)),
        cwd=cwd,
        env=kept | environ,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=check,
    )


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
