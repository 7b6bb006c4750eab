"""The wheel, the sdist and the image: what an install gets, and that it works by itself."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.docs.links import broken_links
from tests.workbench import ROOT


def run_tool(*arguments: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LANG": "C.UTF-8"}
    return subprocess.run(
        list(map(str, arguments)),
        cwd=cwd,
        env=kept | environ,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sdist, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    built = run_tool(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    [archive] = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        # Python 3.11.4 brought the filter, and 3.12 asks for it.
        tar.extractall(folder, filter="data")
    archive.unlink()
    [root] = folder.iterdir()
    return root


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    """The wheel, built from the sdist alone."""
    built = run_tool(
        sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", sdist.parent / "dist", cwd=sdist
    )
    assert built.returncode == 0, built.stderr
    [path] = (sdist.parent / "dist").glob("*.whl")
    return path


def test_the_wheel_holds_every_module_and_what_they_read_and_nothing_else(wheel: Path) -> None:
    tracked = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "etl").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name for name in names if not name.startswith("inkeep_backfill-")} == tracked
    assert {"etl/py.typed", "etl/sandbox/insert_event.schema.json"} <= names


def test_the_sdist_holds_what_the_demo_and_the_tests_need(sdist: Path) -> None:
    for name in (
        "jobs/docs-search.toml",
        "jobs/schedules/crontab",
        "sample_data",
        "tests",
        "Makefile",
        "README.md",
        "docs/commands.md",
    ):
        assert (sdist / name).exists(), name
    assert not list(sdist.rglob(".backfill"))


def test_no_link_of_the_pages_in_the_sdist_leads_nowhere(sdist: Path) -> None:
    pages = [*sdist.glob("*.md"), *(sdist / "docs").glob("*.md")]
    assert {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} <= {page.name for page in pages}
    assert [sentence for page in pages for sentence in broken_links(page)] == []


def test_a_wheel_in_an_environment_of_its_own_runs_a_job_of_the_demo(
    wheel: Path, sdist: Path, tmp_path: Path
) -> None:
    home = tmp_path / "environment"
    assert run_tool(sys.executable, "-m", "venv", "--without-pip", home, cwd=tmp_path).returncode == 0
    python = home / "bin/python"
    install = ("-m", "pip", "--python", python, "install", "--no-index", "--no-deps", "--quiet", wheel)
    installed = run_tool(sys.executable, *install, cwd=tmp_path, PIP_DISABLE_PIP_VERSION_CHECK="1")
    assert installed.returncode == 0, installed.stderr
    # The dependencies are those of this environment; a .pth of theirs, as the editable install's, is not followed.
    [packages] = home.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    where = run_tool(python, "-c", "import etl; print(etl.__file__)", cwd=tmp_path).stdout
    assert where.startswith(str(packages))
    command = home / "bin/backfill"
    assert re.fullmatch(
        r"backfill, version \d+\.\d+\.\d+\n", run_tool(command, "--version", cwd=tmp_path).stdout
    )
    state = tmp_path / "state"
    finished = run_tool(
        command,
        "run",
        "--sandbox",
        "--quiet",
        "--state-dir",
        state,
        sdist / "jobs/docs-search.toml",
        cwd=tmp_path,
    )
    assert (finished.returncode, finished.stderr) == (3, "")
    assert "docs-search: complete, with rejects" in finished.stdout


def test_the_linter_finds_nothing_wrong_with_the_dockerfile() -> None:
    finished = run_tool(Path(sys.executable).with_name("hadolint"), "Dockerfile", cwd=ROOT)
    assert (finished.returncode, finished.stdout) == (0, "")


def test_the_linter_would_find_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp && sudo make\n")
    finished = run_tool(Path(sys.executable).with_name("hadolint"), "Dockerfile", cwd=tmp_path)
    assert finished.returncode == 1
    assert "DL3007" in finished.stdout


def test_the_image_is_pinned_runs_as_nobody_and_keeps_its_state_in_a_volume() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert all(
        re.search(r":\d+\.\d+\.\d+-", image) for image in re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    )
    last_stage = text.rpartition("\nFROM ")[2]
    assert "\nUSER 10001:10001\n" in last_stage
    assert '\nVOLUME ["/state"]\n' in last_stage


def test_what_the_image_copies_is_not_ignored() -> None:
    text = (ROOT / "Dockerfile").read_text()
    copied = {
        name.removeprefix("./")
        for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE)
        for name in line.split()[:-1]
    }
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)
