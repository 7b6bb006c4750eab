"""A file behind an `https://` URL, by httpx.

The query of a presigned URL is as good as a key: it is sent, and never shown. Redirects are followed, but never from
https to http, and plain http goes to this machine only.
"""

import hashlib
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urljoin, urlsplit, urlunsplit

import httpx

from etl.errors import InputError, JobError
from etl.network import is_loopback
from etl.read.remote.fetch import Passing, Reply, Version
from etl.web import causes_of, open_answer

__all__ = ["HttpFile"]

TIMEOUT_SECONDS: Final = 60
MOST_REDIRECTS: Final = 10
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
        stack = ExitStack()
        try:
            answer = self._follow(stack, _conditions(whole, part, part_bytes))
            status = answer.status_code
            if status in (200, 206):
                chunks = _read(stack.pop_all(), answer)
                next(chunks)  # from here on, closing them closes the answer
                return _reply(answer, chunks, part, part_bytes)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Passing(_describe(error)) from None
        finally:
            stack.close()
        if status == 304 and whole:
            return Reply(whole, 0, None)
        if status == 416 and part:
            return self.open(whole, None, 0)
        raise self._explain(status)

    def _follow(self, stack: ExitStack, headers: dict[str, str]) -> httpx.Response:
        """Return the answer at the end of the redirects; raises `InputError` for one that leads where none may."""
        url = self.url
        for _ in range(MOST_REDIRECTS):
            request = open_answer("GET", url, headers, timeout_seconds=TIMEOUT_SECONDS)
            answer = stack.enter_context(request)
            if not answer.has_redirect_location:
                return answer
            stack.close()
            url = self._redirect(url, answer.headers["location"])
        raise InputError(
            f"Expected a file, found {MOST_REDIRECTS} redirects in a row - {self.name}",
            "Give the URL where the file is, with https://",
        )

    def _redirect(self, url: str, location: str) -> str:
        try:
            following = urljoin(url, location)
            target = urlsplit(following)
            host = target.hostname
        except ValueError:
            following, host, target = "", None, urlsplit("")
        is_here = target.scheme == urlsplit(url).scheme == "http" and is_loopback(host)
        if host is None or (target.scheme != "https" and not is_here):
            raise InputError(
                f"Expected a redirect to https, found one to `{target.scheme}://{host or ''}` - {self.name}",
                "Give the URL where the file is, with https://",
            )
        return following

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


def _conditions(whole: Version | None, part: Version | None, part_bytes: int) -> dict[str, str]:
    """Return the headers that ask for what isn't here yet."""
    if part and part_bytes:
        return {"range": f"bytes={part_bytes}-", "if-range": _validator(part)}
    if whole and whole.etag:
        return {"if-none-match": whole.etag}
    return {"if-modified-since": whole.modified} if whole and whole.modified else {}


def _reply(
    answer: httpx.Response, chunks: Generator[bytes, None, None], part: Version | None, part_bytes: int
) -> Reply:
    length, etag = answer.headers.get("content-length"), answer.headers.get("etag")
    size = int(length) if length and length.isdigit() else None
    start = 0
    if answer.status_code == 206:
        bounds, _, total = str(answer.headers.get("content-range", "")).removeprefix("bytes ").partition("/")
        first = bounds.partition("-")[0]
        if not part or first != str(part_bytes) or not total.isdigit():
            chunks.close()
            raise Passing("the server sends another range than it was asked for")
        start, size, etag = part_bytes, int(total), etag or part.etag
    return Reply(Version(etag, answer.headers.get("last-modified"), size), start, chunks)


def _read(stack: ExitStack, answer: httpx.Response) -> Generator[bytes, None, None]:
    """Yield the body as it comes, after a first empty chunk; close `stack` at the end."""
    with stack:
        yield b""
        try:
            yield from answer.iter_raw()
        except httpx.RemoteProtocolError:
            raise Passing("the answer broke off") from None
        except (httpx.HTTPError, OSError) as error:
            raise Passing(_describe(error)) from None


def _describe(error: Exception) -> str:
    """Return why there was no answer, without the URL."""
    reasons = [cause.strerror for cause in causes_of(error) if isinstance(cause, OSError) and cause.strerror]
    if reasons:
        return reasons[0]
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {TIMEOUT_SECONDS} s"
    return f"an answer that is not HTTP ({type(error).__name__})"


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
