"""Files behind URLs: fetched once, resumed, refused with a clear error, and no query shown."""

import logging
import os
from pathlib import Path

import httpx
import pytest

from etl.errors import EndpointError, Incomplete, InputError, JobError, StateError
from etl.read.files import fingerprint
from etl.read.remote.fetch import Fetched, fetch
from etl.read.remote.http import HttpFile
from etl.read.remote.pattern import fetch_pattern
from etl.read.source import open_source
from tests.read.sources import gather, job_over
from tests.read.web import Web, serve

BODY = b"a,b\n" + b"".join(b"%d,%d\n" % (number, number * 7) for number in range(50_000))


def fetch_url(url: str, folder: Path) -> Fetched:
    return fetch(HttpFile.of(url), folder, sleep=lambda seconds: None)


def test_a_url_is_a_source_like_a_file(tmp_path: Path) -> None:
    with serve(Web(BODY)) as web:
        job = job_over(tmp_path, f"{web.url}/logs/rows.csv")
        source = open_source(job, tmp_path / "fetched")
        rows, malformed = gather(source.batches(0))
    assert source.files[0].name == f"{web.url}/logs/rows.csv"
    assert (len(rows), malformed) == (50_000, [])
    found = fingerprint(source.files[0])
    assert (found.size, found.etag) == (len(BODY), '"v1"')


def test_what_was_fetched_is_not_fetched_again_until_it_changes(tmp_path: Path) -> None:
    with serve(Web(BODY)) as web:
        first = fetch_url(f"{web.url}/rows.csv", tmp_path)
        web.breaks = [0]  # what a second body would meet
        assert fetch_url(f"{web.url}/rows.csv", tmp_path) == first
        web.body, web.etag, web.breaks = BODY * 2, '"v2"', []
        assert fetch_url(f"{web.url}/rows.csv", tmp_path).path.read_bytes() == BODY * 2


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("etag", ['"v1"', 'W/"v1"', None])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_broken_answer_is_gone_on_with(
    tmp_path: Path, ranges: bool, etag: str | None, chunked: bool
) -> None:
    with serve(Web(BODY, ranges=ranges, etag=etag, chunked=chunked, breaks=[100_000, 200_000])) as web:
        got = fetch_url(f"{web.url}/rows.csv", tmp_path)
    assert got.path.read_bytes() == BODY
    resumes = [wanted for _, wanted in web.seen if wanted]
    if etag == '"v1"':
        assert resumes[0] == "bytes=100000-"
    else:
        assert resumes == []  # nothing vouches for the part being of the same version


def test_the_next_run_goes_on_where_the_last_gave_up(tmp_path: Path) -> None:
    with serve(Web(BODY, breaks=[50_000] * 5)) as web:
        with pytest.raises(Incomplete, match="broke off") as error:
            fetch_url(f"{web.url}/rows.csv", tmp_path)
        assert "goes on from there" in error.value.fix
        web.breaks = []
        assert fetch_url(f"{web.url}/rows.csv", tmp_path).path.read_bytes() == BODY
    assert web.seen[-1] == ("/rows.csv", "bytes=250000-")


def test_a_part_of_another_version_is_thrown_away(tmp_path: Path) -> None:
    with serve(Web(BODY, breaks=[50_000] * 5)) as web:
        with pytest.raises(Incomplete):
            fetch_url(f"{web.url}/rows.csv", tmp_path)
        web.body, web.etag, web.breaks = BODY[::-1], '"v2"', []
        assert fetch_url(f"{web.url}/rows.csv", tmp_path).path.read_bytes() == BODY[::-1]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, "refuses it"),
        (403, "refuses it"),
        (404, "found nothing there"),
        (410, "found nothing there"),
        (400, "400"),
    ],
)
def test_a_refusal_is_an_input_error_at_once(tmp_path: Path, status: int, expected: str) -> None:
    with serve(Web(status=status)) as web:
        with pytest.raises(InputError, match=expected) as error:
            fetch_url(f"{web.url}/rows.csv?X-Amz-Signature=canary", tmp_path)
        assert len(web.seen) == 1
    assert "canary" not in str(error.value)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_out_of_order_is_tried_again(tmp_path: Path, status: int) -> None:
    with serve(Web(status=status)) as web:
        with pytest.raises(Incomplete, match=f"the server answers {status}, 5 times in a row") as error:
            fetch_url(f"{web.url}/rows.csv?sig=canary", tmp_path)
        assert len(web.seen) == 5
    assert "canary" not in str(error.value)


def test_a_server_out_of_reach_is_tried_again(tmp_path: Path) -> None:
    with serve(Web()) as web:
        url = web.url
    with pytest.raises(Incomplete, match="refused"):
        fetch_url(f"{url}/rows.csv", tmp_path)


def test_redirects_are_followed_on_the_same_machine(tmp_path: Path) -> None:
    with serve(Web(BODY)) as web:
        web.location = f"{web.url}/rows.csv"
        assert fetch_url(f"{web.url}/moved", tmp_path).path.read_bytes() == BODY


@pytest.mark.parametrize(
    "location", ["http://example.com/rows.csv", "file:///etc/passwd", "ftp://127.0.0.1/x"]
)
def test_redirects_elsewhere_without_https_are_not(tmp_path: Path, location: str) -> None:
    with (
        serve(Web(BODY, location=location)) as web,
        pytest.raises(InputError, match=r"redirect|answer of status 302"),
    ):
        fetch_url(f"{web.url}/moved", tmp_path)


def test_redirects_without_an_end_are_an_input_error(tmp_path: Path) -> None:
    with serve(Web(location="/moved")) as web:
        with pytest.raises(InputError, match="10 redirects in a row"):
            fetch_url(f"{web.url}/moved", tmp_path)
        assert len(web.seen) == 10


def test_a_proxy_that_cannot_be_used_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "socks4://127.0.0.1:1")
    with pytest.raises(EndpointError, match="Expected a proxy like"):
        fetch_url("https://files.invalid/rows.csv?sig=canary", tmp_path)


def test_nothing_of_a_request_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serve(Web(BODY, breaks=[100_000])) as web:
        fetch_url(f"{web.url}/rows.csv?X-Amz-Signature=canary", tmp_path)
        assert caplog.text == ""
        httpx.get(f"{web.url}/rows.csv?of=another", trust_env=False)
    assert "of=another" in caplog.text


def test_the_query_of_a_presigned_url_is_sent_and_never_shown(tmp_path: Path) -> None:
    with serve(Web(BODY)) as web:
        got = fetch_url(f"{web.url}/rows.csv?X-Amz-Date=1&X-Amz-Signature=canary#here", tmp_path)
        again = fetch_url(f"{web.url}/rows.csv?X-Amz-Date=2&X-Amz-Signature=canary2", tmp_path)
    assert web.seen[0][0] == "/rows.csv?X-Amz-Date=1&X-Amz-Signature=canary"
    assert got.name == again.name == f"{web.url}/rows.csv"
    assert all(b"canary" not in path.read_bytes() for path in tmp_path.iterdir())


def test_another_query_tells_files_apart_without_being_shown(tmp_path: Path) -> None:
    one, two = HttpFile.of("https://h/rows.csv?id=secret"), HttpFile.of("https://h/rows.csv?id=2")
    assert one.name != two.name
    assert "secret" not in one.name + repr(one)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://example.com/rows.csv", "Expected an https:// URL"),
        ("https:///rows.csv", "Expected an https:// URL"),
        ("ftp://example.com/rows.csv", "starts with s3://, gs:// or https://"),
        ("https://me:canary@example.com/rows.csv", "without a user name or password"),
    ],
)
def test_urls_that_will_not_do_are_a_job_error(tmp_path: Path, url: str, expected: str) -> None:
    with pytest.raises(JobError, match=expected) as error:
        list(fetch_pattern(url, tmp_path))
    assert "canary" not in str(error.value)


def test_fetched_files_are_for_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with serve(Web(BODY)) as web:
            got = fetch_url(f"{web.url}/rows.csv", tmp_path / "state" / "fetched")
    finally:
        os.umask(before)
    assert got.path.stat().st_mode & 0o777 == 0o600
    assert got.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_written_is_a_state_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with serve(Web(BODY)) as web, pytest.raises(StateError, match="room and leave"):
        fetch_url(f"{web.url}/rows.csv", tmp_path / "file" / "fetched")
