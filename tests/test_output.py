"""A file that a person names is written whole or not at all, for its owner alone, and no device is ever replaced."""

import os
import stat
from pathlib import Path

import pytest

from etl.errors import StateError
from etl.output import check_output, open_output, write_output


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_report_is_for_its_owner_alone_whatever_the_umask_and_a_shared_file_as_the_umask_says(
    tmp_path: Path,
) -> None:
    before = os.umask(0o000)
    try:
        write_output(tmp_path / "report", "text", "the report")
        write_output(tmp_path / "schema", "text", "the schema", shared=True)
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "report") == 0o600
    assert mode_of(tmp_path / "schema") == 0o666


def test_what_was_there_stays_whole_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("before")

    def fail_halfway() -> None:
        with open_output(path, "the report") as out:
            out.write(b"half")
            raise OSError(5, "gone")

    with pytest.raises(StateError, match="Expected to write the report, found: gone"):
        fail_halfway()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_symlink_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("before")
    link.symlink_to(target)
    write_output(link, "after", "the report")
    assert link.is_symlink()
    assert target.read_text() == "after"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_symlink_of_another_user_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    os.chown(link, 12345, 12345, follow_symlinks=False)
    with pytest.raises(StateError, match="a symlink of another user"):
        write_output(link, "after", "the report")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("gone/report", "No such file or directory"),
        ("file/report", "Not a directory"),
        ("folder", "Is a directory"),
    ],
)
def test_a_place_that_takes_no_file_is_told_beforehand_and_when_writing(
    tmp_path: Path, name: str, found: str, check: bool
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(StateError, match=f"Expected to write the report, found: {found} - {tmp_path}/{name}"):
        check_output(tmp_path / name, "the report") if check else write_output(
            tmp_path / name, "", "the report"
        )


def test_a_device_is_written_through_and_a_pipe_without_a_reader_is_told(tmp_path: Path) -> None:
    check_output(Path("/dev/full"), "the report")
    with pytest.raises(StateError, match="No space left on device - /dev/full"):
        write_output(Path("/dev/full"), "text", "the report")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StateError, match="No such device or address"):
        write_output(tmp_path / "pipe", "text", "the report")
