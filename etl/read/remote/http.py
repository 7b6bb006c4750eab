"""A file behind an `https://` URL, by the standard library's client.

The query of a presigned URL is as good as a key: it is sent, and never shown. Redirects are followed, but never from
https to http, and plain http goes to this machine only.
"""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import IO, Any, Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from etl.errors import InputError, JobError
from etl.network import is_loopback
from etl.read.remote.fetch import Passing, Reply, Version

__all__ = ["HttpFile"]

TIMEOUT_SECONDS: Final = 60
_CHUNK_BYTES: Final = 1 << 20
# Parameters that make a URL presigned: its query changes with each signing, what it names doesn't.
_SIGNATURES: Final = {"x-amz-signature", "x-goog-signature", "signature", "sig"}
_PASSING: Final = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True, repr=False)
class HttpFile:
    """One URL; `name` and `identity` are without what must not be shown."""

    url: str
    name: str
    identity: str

    @classmethod
    def of(cls, url: str) -> "HttpFile":
        """Return the file at `url`; raises `JobError` for plain http to another machine."""
        _check(url)
        parts = urlsplit(url)
        shown = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        is_presigned = any(
            key.lower() in _SIGNATURES for key, _ in parse_qsl(parts.query, keep_blank_values=True)
        )
        if parts.query and not is_presigned:
            # The query may be what tells two files apart, and may hold a token: it is named, not shown.
            shown += "?" + hashlib.sha256(parts.query.encode()).hexdigest()[:8]
        return cls(urlunsplit(parts._replace(fragment="")), shown, shown)

    def open(self, whole: Version | None, part: Version | None, part_bytes: int) -> Reply:
        """As `Remote.open`."""
        request = urllib.request.Request(self.url, headers={"Accept-Encoding": "identity"})  # noqa: S310 - checked
        if part and part_bytes:
            request.add_header("Range", f"bytes={part_bytes}-")
            request.add_header("If-Range", _validator(part))
        elif whole and whole.etag:
            request.add_header("If-None-Match", whole.etag)
        elif whole and whole.modified:
            request.add_header("If-Modified-Since", whole.modified)
        try:
            answer = _opener(self.url).open(request, timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 304 and whole:
                return Reply(whole, 0, None)
            if error.code == 416 and part:
                return self.open(whole, None, 0)
            raise self._explain(error.code) from None
        except (OSError, http.client.HTTPException) as error:
            raise Passing(_describe(error)) from None
        return _reply(answer, part, part_bytes)

    def _explain(self, status: int) -> Exception:
        if status in _PASSING:
            return Passing(f"the server answers {status}")
        if status in (401, 403):
            fix = "Check that the URL may be read; a presigned one expires, and needs to be made anew"
            return InputError(
                f"Expected a file, found that the server refuses it ({status}) - {self.name}", fix
            )
        if status in (404, 410):
            return InputError(
                f"Expected a file, found nothing there ({status}) - {self.name}",
                "Put the file back, or mend [source] paths",
            )
        return InputError(
            f"Expected a file, found an answer of status {status} - {self.name}",
            "Check the URL under [source] paths",
        )


def _reply(answer: Any, part: Version | None, part_bytes: int) -> Reply:
    headers: HTTPMessage = answer.headers
    length, etag = headers.get("Content-Length"), headers.get("ETag")
    size = int(length) if length and length.isdigit() else None
    start = 0
    if answer.status == 206:
        bounds = headers.get("Content-Range", "").removeprefix("bytes ")
        first, _, total = bounds.partition("-")[0], *bounds.partition("/")[1:]
        if not part or first != str(part_bytes) or not total.isdigit():
            answer.close()
            raise Passing("the server sends another range than it was asked for")
        start, size, etag = part_bytes, int(total), etag or part.etag
    return Reply(Version(etag, headers.get("Last-Modified"), size), start, _read(answer))


def _read(answer: Any) -> Generator[bytes, None, None]:
    with answer:
        try:
            while chunk := answer.read1(_CHUNK_BYTES):
                yield chunk
        except (OSError, http.client.HTTPException) as error:
            raise Passing(_describe(error)) from None


def _describe(error: Exception) -> str:
    """Return why there was no answer, without the URL."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, http.client.IncompleteRead):
        return "the answer broke off"
    if isinstance(reason, OSError):
        return reason.strerror or type(reason).__name__
    return f"an answer that is not HTTP ({type(reason).__name__})"


def _validator(version: Version) -> str:
    return version.etag or version.modified or ""


def _check(url: str) -> None:
    parts = urlsplit(url)
    if not parts.hostname or (
        parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname))
    ):
        raise JobError(
            f"Expected an https:// URL, found `{parts.scheme}://{parts.hostname or ''}` - [source] paths",
            "Write https://: plain http is for this machine only",
        )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to where the first request might have gone too."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Refuse https to http, and http to another machine."""
        target = urlsplit(newurl)
        is_here = target.scheme == urlsplit(req.full_url).scheme == "http" and is_loopback(target.hostname)
        if target.scheme != "https" and not is_here:
            raise InputError(
                f"Expected a redirect to https, found one to `{target.scheme}://{target.hostname}` - "
                f"{HttpFile.of(req.full_url).name}",
                "Give the URL where the file is, with https://",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(url: str) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [_Redirects()]
    if is_loopback(urlsplit(url).hostname):
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)
