"""Objects of S3 and Google Cloud Storage buckets: globs, folders, and their bytes, by obstore.

Credentials, region and endpoint come from the environment (`AWS_*`, `AWS_ENDPOINT_URL`, `GOOGLE_*`), never from the
job.
"""

import os
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import obstore
from obstore import exceptions as failures
from obstore.store import GCSStore, S3Store

from etl.errors import InputError, JobError
from etl.network import is_loopback
from etl.read.globbing import compile_glob
from etl.read.kinds import format_in_name
from etl.read.partitions import Partitions, find_partitions
from etl.read.remote.fetch import Passing, Reply, Version

__all__ = ["BucketFile", "find_objects"]

_CHUNK_BYTES: Final = 4 << 20
_MAGIC: Final = re.compile(r"[*?[]")
# `fetch` tries again itself, and goes on from where it was: the client below it need not be patient.
_RETRIES: Final[Any] = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_FAILURES: Final = (failures.BaseError, OSError, ValueError)
_REFUSED: Final = (failures.PermissionDeniedError, failures.UnauthenticatedError)


@dataclass(frozen=True, slots=True)
class BucketFile:
    """One object of a bucket."""

    store: Any
    key: str
    name: str

    @property
    def identity(self) -> str:
        """What tells it from others: its name."""
        return self.name

    def open(self, whole: Version | None, part: Version | None, part_bytes: int) -> Reply:
        """As `Remote.open`."""
        try:
            found = obstore.head(self.store, self.key)
            version = Version(found.get("e_tag"), _show_time(found["last_modified"]), found["size"])
            if whole == version:
                return Reply(version, 0, None)
            start = part_bytes if part == version and part_bytes < found["size"] else 0
            options: Any = {"range": {"offset": start}} if start else {}
            if version.etag:
                options["if_match"] = version.etag
            answer = obstore.get(self.store, self.key, options=options)
        except _FAILURES as error:
            raise _explain(error, self.name) from None
        return Reply(version, start, self._read(answer))

    def _read(self, answer: Any) -> Generator[bytes, None, None]:
        try:
            for chunk in answer.stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(chunk)
        except _FAILURES as error:
            raise _explain(error, self.name) from None


def find_objects(scheme: str, bucket: str, pattern: str) -> Iterator[tuple[BucketFile, Partitions]]:
    """Yield the objects that `pattern` means, in the order of their names: one, a glob's, or a folder's.

    Raises `JobError` for a bucket that can't be named so, `InputError` where nothing matches or the store refuses.
    """
    shown = f"{scheme}://{bucket}/{pattern}"
    store = _open_store(scheme, bucket)
    magic = _MAGIC.search(pattern)
    if not magic and pattern and not pattern.endswith("/"):
        yield BucketFile(store, pattern, shown), ()
        return
    root = pattern[: magic.start()].rpartition("/")[0] if magic else pattern.rstrip("/")
    matches = compile_glob(pattern).fullmatch if magic else _is_data
    keys = sorted(key for key in _list(store, root, shown) if matches(key))
    if not keys:
        raise InputError(
            f"Expected objects, found none that match `{shown}` - [source] paths",
            "Check the bucket and the pattern; * stays within a folder, ** goes into all of them",
        )
    for key in keys:
        partitions = find_partitions(tuple(key.removeprefix(root).strip("/").split("/")))
        yield BucketFile(store, key, f"{scheme}://{bucket}/{key}"), partitions


def _list(store: Any, root: str, shown: str) -> Iterator[str]:
    try:
        for found in obstore.list(store, prefix=root or None):
            yield from (item["path"] for item in found if item["size"] or not item["path"].endswith("/"))
    except _FAILURES as error:
        failure = _explain(error, shown)
        if isinstance(failure, Passing):
            raise InputError(
                f"Expected a list of objects, found: {failure} - {shown}",
                "Check the network, and run it again",
            ) from None
        raise failure from None


def _is_data(key: str) -> bool:
    parts = key.split("/")
    return not any(part.startswith((".", "_")) for part in parts) and format_in_name(parts[-1]) is not None


def _open_store(scheme: str, bucket: str) -> Any:
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)
    try:
        if scheme == "gs":
            return GCSStore(bucket, retry_config=_RETRIES, client_options={"allow_http": True})
        if endpoint is None:
            return S3Store(bucket, retry_config=_RETRIES)
        is_plain = urlsplit(endpoint).scheme == "http"
        if is_plain and not is_loopback(urlsplit(endpoint).hostname):
            raise JobError(
                "Expected an https:// endpoint, found plain http to another machine - AWS_ENDPOINT_URL",
                "Give the endpoint with https://: plain http is for this machine only",
            )
        return S3Store(
            bucket, endpoint=endpoint, retry_config=_RETRIES, client_options={"allow_http": is_plain}
        )
    except JobError:
        raise
    except _FAILURES as error:
        raise JobError(
            f"Expected a bucket and credentials that can be used, found: {_first_line(error)} - {scheme}://{bucket}",
            "Check the bucket's name, and the AWS_* or GOOGLE_* variables of the environment",
        ) from None


def _explain(error: Exception, name: str) -> Exception:
    if isinstance(error, (failures.NotFoundError, FileNotFoundError)):
        return InputError(
            f"Expected an object, found nothing there - {name}", "Put it back, or mend [source] paths"
        )
    if isinstance(error, (*_REFUSED, PermissionError)):
        return InputError(
            f"Expected an object that may be read, found that the store refuses it - {name}",
            "Check the credentials in the environment: AWS_* or GOOGLE_*",
        )
    if isinstance(error, failures.PreconditionError):
        return Passing("it changed while it was read")
    return Passing(_first_line(error))


def _first_line(error: Exception) -> str:
    """Return what happened, without URLs: they may carry signatures."""
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return re.sub(r"https?://\S+", "…", first)[:200]


def _show_time(moment: datetime) -> str:
    return moment.isoformat()
