"""What a remote path means: one `https://` file, or the objects of a bucket that match. Names no secret.

`s3://` and `gs://` go through obstore (the Rust object_store), imported only where it is needed; their credentials
come from the environment. `https://` is one GET, through `etl.web`.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from etl.errors import JobError
from etl.read.remote.fetch import Fetched, fetch

__all__ = ["fetch_pattern", "is_remote"]

_BUCKETS = ("s3", "gs")


def is_remote(pattern: str) -> bool:
    """Return whether `pattern` is a URL rather than a path."""
    return "://" in pattern


def fetch_pattern(pattern: str, folder: Path) -> Iterator[Fetched]:
    """Yield the files that `pattern` means, each fetched into `folder`.

    Raises `JobError` for a URL that isn't understood, and what `fetch` raises.
    """
    url = urlsplit(pattern)
    if url.username is not None or url.password is not None:
        raise JobError(
            "Expected a URL without a user name or password, found one with it - "
            f"{url.scheme}://{url.hostname}{url.path}, [source] paths",
            "Leave it out: a job file holds no secrets. Use a presigned URL, or credentials in the environment",
        )
    if url.scheme in _BUCKETS:
        from etl.read.remote.bucket import find_objects

        for remote, partitions in find_objects(
            url.scheme, url.netloc, pattern.partition("://")[2].partition("/")[2]
        ):
            got = fetch(remote, folder)
            yield Fetched(got.name, got.path, got.etag, partitions)
        return
    if url.scheme in ("https", "http"):
        from etl.read.remote.http import HttpFile

        yield fetch(HttpFile.of(pattern), folder)
        return
    raise JobError(
        f"Expected a path, or a URL that starts with s3://, gs:// or https://, found `{url.scheme}://…` - [source] "
        "paths",
        "Fetch the file yourself, and give its path",
    )
