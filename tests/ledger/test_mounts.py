from pathlib import Path

import pytest

from etl.errors import StateError
from etl.ledger.lock import refuse_network_folder
from etl.ledger.mounts import filesystem_type, is_network_filesystem

MOUNTINFO = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
40 27 0:50 / /mnt/share rw,relatime shared:9 - nfs4 server:/export rw,vers=4.2,addr=10.0.0.2
41 27 0:51 / /mnt/my\040share rw,relatime shared:1 master:2 - cifs //server/share rw
42 40 0:52 / /mnt/share/local rw,relatime - tmpfs tmpfs rw
43 27 0:53 / /data rw,relatime - nfs server:/data rw
44 43 0:54 / /data rw,relatime - xfs /dev/sdb rw
45 27 0:55 / /home/me/remote rw,nosuid - fuse.sshfs me@host: rw
a line - of nonsense
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/me", "ext4"),
        ("/mnt/share", "nfs4"),
        ("/mnt/share/a/b", "nfs4"),
        ("/mnt/shared", "ext4"),
        ("/mnt/share/local/x", "tmpfs"),
        ("/mnt/my share/x", "cifs"),
        ("/data/x", "xfs"),
        ("/home/me/remote/docs", "fuse.sshfs"),
    ],
)
def test_the_innermost_and_last_mount_over_a_path_holds_it(path: str, kind: str) -> None:
    assert filesystem_type(path, MOUNTINFO) == kind


def test_without_mounts_the_filesystem_is_unknown() -> None:
    assert filesystem_type("/x", "") is None
    assert not is_network_filesystem(None)


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs"])
def test_filesystems_over_a_network_are_told(kind: str) -> None:
    assert is_network_filesystem(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "apfs"])
def test_local_filesystems_are_told(kind: str) -> None:
    assert not is_network_filesystem(kind)


def test_a_folder_on_a_network_filesystem_is_refused_even_through_a_symlink(tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    (tmp_path / "link").symlink_to(share)
    mountinfo = f"27 1 254:0 / / rw - ext4 /dev/vda rw\n40 27 0:50 / {share} rw - nfs4 server:/export rw\n"
    refuse_network_folder(tmp_path, mountinfo)
    with pytest.raises(StateError, match=r"network filesystem \(nfs4\)") as caught:
        refuse_network_folder(tmp_path / "link" / "docs", mountinfo)
    assert "--state-dir" in caught.value.fix
