"""Objects of buckets, against a real server of the S3 protocol on loopback (moto's server mode)."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.errors import InputError, JobError
from etl.read.globbing import compile_glob
from etl.read.remote.pattern import fetch_pattern
from etl.read.source import open_source
from tests.read.sources import gather, job_over
from tests.send.serving import serving
from tests.send.sink import Reply
from tests.workbench import ROOT

ROWS = b"a,b\n1,2\n"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("moto") / "log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            stderr=out,
            stdout=out,
        )
    try:
        deadline = time.monotonic() + 60
        while "Running on http://127.0.0.1:" not in log.read_text():
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        url = "http://127.0.0.1:" + log.read_text().split("Running on http://127.0.0.1:")[1].split()[0]
        put(f"{url}/logs", b"")
        yield url
    finally:
        server.terminate()
        server.wait()


def put(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, body, method="PUT")
    request.add_header("Content-Type", "application/octet-stream")
    request.add_header("x-amz-acl", "public-read")
    request.add_header(
        "Authorization", "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/s3/aws4_request, Signature=x"
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-key")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return endpoint


def test_an_object_is_a_source_like_a_file(s3: str, tmp_path: Path) -> None:
    put(f"{s3}/logs/one/rows.csv", ROWS)
    source = open_source(job_over(tmp_path, "s3://logs/one/rows.csv"), tmp_path / "fetched")
    assert source.files[0].name == "s3://logs/one/rows.csv"
    assert gather(source.batches(0))[0] == [(1, "1", "2")]


def test_globs_and_folders_of_partitions(s3: str, tmp_path: Path) -> None:
    for key in (
        "many/b.csv",
        "many/a.csv",
        "many/deep/c.csv",
        "many/note.txt",
        "hive/year=2023/a.csv",
        "hive/_x/b.csv",
    ):
        put(f"{s3}/logs/{key}", ROWS)
    names = [item.name for item in fetch_pattern("s3://logs/many/*.csv", tmp_path)]
    assert names == ["s3://logs/many/a.csv", "s3://logs/many/b.csv"]
    assert len(list(fetch_pattern("s3://logs/many/**/*.csv", tmp_path))) == 3
    source = open_source(job_over(tmp_path, "s3://logs/hive/"), tmp_path)
    assert gather(source.batches(0))[0] == [(1, "1", "2", "2023")]
    assert len(source.files) == 1


def test_an_object_is_fetched_once_and_again_when_it_changes(s3: str, tmp_path: Path) -> None:
    put(f"{s3}/logs/again.csv", ROWS)
    (first,) = fetch_pattern("s3://logs/again.csv", tmp_path)
    stamp = first.path.stat().st_mtime_ns
    (second,) = fetch_pattern("s3://logs/again.csv", tmp_path)
    assert second == first
    assert second.path.stat().st_mtime_ns == stamp
    put(f"{s3}/logs/again.csv", ROWS + b"3,4\n")
    (third,) = fetch_pattern("s3://logs/again.csv", tmp_path)
    assert third.path.read_bytes() == ROWS + b"3,4\n"
    assert third.etag != first.etag


def test_a_part_is_gone_on_with(s3: str, tmp_path: Path) -> None:
    put(f"{s3}/logs/part.csv", ROWS)
    (got,) = fetch_pattern("s3://logs/part.csv", tmp_path)
    version = got.path.with_suffix(".data.json")
    version.rename(got.path.with_suffix(".part.json"))
    got.path.rename(got.path.with_suffix(".part"))
    got.path.with_suffix(".part").write_bytes(b"A,B\n")  # a mark that the first bytes are kept
    (again,) = fetch_pattern("s3://logs/part.csv", tmp_path)
    assert again.path.read_bytes() == b"A,B\n1,2\n"


@pytest.mark.parametrize(
    "pattern", ["s3://logs/none.csv", "s3://logs/none/*.csv", "s3://logs/none/", "s3://no-bucket/x.csv"]
)
def test_what_is_not_there_is_an_input_error(s3: str, tmp_path: Path, pattern: str) -> None:
    with pytest.raises(InputError) as error:
        list(fetch_pattern(pattern, tmp_path))
    assert "canary" not in str(error.value)


def test_plain_http_goes_to_this_machine_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio.example:9000")
    with pytest.raises(JobError, match="AWS_ENDPOINT_URL"):
        list(fetch_pattern("s3://logs/x.csv", tmp_path))


def test_the_variables_that_the_page_names_are_those_that_sign_a_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    values = {
        "AWS_ACCESS_KEY_ID": "an-id",
        "AWS_SECRET_ACCESS_KEY": "a-secret",
        "AWS_SESSION_TOKEN": "a-token",
        "AWS_REGION": "eu-north-1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    page = (ROOT / "docs/job-file.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(AWS_[A-Z_]+)`", page)) == {*values, "AWS_ENDPOINT_URL"}
    with serving(lambda _: Reply(403)) as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.url)
        with pytest.raises(InputError, match=r"the store refuses it - s3://logs/rows\.csv"):
            open_source(job_over(tmp_path, "s3://logs/rows.csv"), tmp_path / "fetched")
    headers = store.requests[0].headers
    assert re.search(r"Credential=an-id/\d{8}/eu-north-1/s3/", headers["authorization"])
    assert headers["x-amz-security-token"] == "a-token"


def test_google_buckets_too(s3: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The listing and the objects of Cloud Storage's XML API look as those of S3 do."""
    put(f"{s3}/logs/google/rows.csv", ROWS)
    account = tmp_path / "account.json"
    keys = {
        "gcs_base_url": s3,
        "disable_oauth": True,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    }
    account.write_text(json.dumps(keys))
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(account))
    names = [item.name for item in fetch_pattern("gs://logs/google/*.csv", tmp_path / "fetched")]
    assert names == ["gs://logs/google/rows.csv"]
    # The other variable names a file of another form.
    monkeypatch.delenv("GOOGLE_SERVICE_ACCOUNT")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    with pytest.raises(JobError, match="missing field `type`"):
        list(fetch_pattern("gs://logs/google/*.csv", tmp_path / "fetched"))


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("a/*.csv", "a/x.csv", True),
        ("a/*.csv", "a/b/x.csv", False),
        ("a/**/*.csv", "a/x.csv", True),
        ("a/**/*.csv", "a/b/c/x.csv", True),
        ("a/**", "a/b/c", True),
        ("a?c", "a/c", False),
        ("[ab]x", "bx", True),
        ("[!ab]x", "bx", False),
        ("a.b", "axb", False),
    ],
)
def test_wildcards_stay_within_a_folder(pattern: str, key: str, matches: bool) -> None:
    assert bool(compile_glob(pattern).fullmatch(key)) == matches
