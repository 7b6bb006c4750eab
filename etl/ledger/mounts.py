"""Which filesystem a path lies on, by Linux's `/proc/self/mountinfo`. Pure, but for `read_mounts`.

The format is that of proc_pid_mountinfo(5): the fifth field is the mount point, and the first field after the
lone `-` the type. A space, tab, newline or backslash in a path is written as three octal digits.
"""

import re
from pathlib import Path

__all__ = ["filesystem_type", "is_network_filesystem", "read_mounts"]

_NETWORK = {
    *("nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "davfs"),
    *("fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.goofys", "fuse.davfs", "fuse.smbnetfs"),
}


def read_mounts() -> str:
    """Return the text that says what is mounted where; empty where there is none, as beyond Linux."""
    try:
        return Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return ""


def filesystem_type(path: str, mountinfo: str) -> str | None:
    """Return the type of the filesystem that holds `path`, absolute and free of symlinks; None if unknown."""
    best: tuple[int, str] | None = None
    for line in mountinfo.splitlines():
        fields, dash, source = line.partition(" - ")
        words = fields.split(" ")
        if not dash or len(words) < 5:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda digits: chr(int(digits[1], 8)), words[4])
        covers = path == point or path.startswith(point.rstrip("/") + "/")
        # Of two mounts on one point the later hides the earlier.
        if covers and (best is None or len(point) >= best[0]):
            best = (len(point), source.split(" ")[0])
    return best and best[1]


def is_network_filesystem(kind: str | None) -> bool:
    """Whether a filesystem of this type is served over a network, where locks and fsync can't be relied on."""
    return kind in _NETWORK
