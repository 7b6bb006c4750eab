"""A whole run against a destination behind TLS, with the certificates that the environment names: one sentence each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.certificates import CERTIFICATE_SETTINGS
from tests.send.certificates import Certificate, make_certificate
from tests.send.serving import serving
from tests.send.sink import Sink
from tests.workbench import call, write_job


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def server(certificate: Certificate) -> Iterator[Sink]:
    with serving(tls=certificate.context) as sink:
        yield sink


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", "CANARY-c0ffee")
    for name in CERTIFICATE_SETTINGS:
        monkeypatch.delenv(name, raising=False)


def make_places(folder: Path) -> dict[str, tuple[str, str]]:
    """Return settings of SSL_CERT_FILE that hold no certificate, and what each is called."""
    (folder / "garbage").write_bytes(b"\0\1garbage" * 100)
    (folder / "cut.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    (folder / "empty").touch()
    return {
        "/dev/null": ("/dev/null", "what is no file"),
        "/dev/zero": ("/dev/zero", "what is no file"),
        "folder": (str(folder), "a folder"),
        "garbage": (str(folder / "garbage"), "none in it"),
        "cut": (str(folder / "cut.pem"), "none in it"),
        "empty": (str(folder / "empty"), "none in it"),
        "gone": (str(folder / "gone.pem"), "nothing readable"),
    }


@pytest.mark.parametrize("how", ["/dev/null", "/dev/zero", "folder", "garbage", "cut", "empty", "gone"])
def test_a_file_of_certificates_that_holds_none_is_named(
    how: str, server: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, found = make_places(tmp_path)[how]
    monkeypatch.setenv("SSL_CERT_FILE", place)
    said = call("run", "--quiet", "--endpoint", server.url, write_job(tmp_path))
    assert (said.code, said.err) == (
        2,
        f"Expected certificates at `{place}`, found {found} - environment variable SSL_CERT_FILE\n"
        "Name a file of PEM certificates there, or unset SSL_CERT_FILE\n",
    )
    assert server.requests == []


def test_a_folder_of_certificates_that_is_none_is_named(
    server: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", "/dev/null")
    said = call("run", "--quiet", "--endpoint", server.url, write_job(tmp_path))
    assert said.code == 2
    assert "at `/dev/null`, found no readable folder - environment variable SSL_CERT_DIR\n" in said.err


def test_a_machine_without_certificates_is_told_and_the_way_out_works(
    server: Sink, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "certs").mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "certs"))
    job = write_job(tmp_path, 3)
    said = call("run", "--quiet", "--endpoint", server.url, job)
    assert (said.code, said.err.splitlines()[-3:-1]) == (
        2,
        [
            "Expected certificates of authorities to trust, found none by SSL_CERT_DIR",
            "Install them (the package ca-certificates), or name a file of them: SSL_CERT_FILE=ca.pem; "
            "unset SSL_CERT_DIR",
        ],
    )
    monkeypatch.delenv("SSL_CERT_DIR")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority_file))
    assert call("run", "--quiet", "--endpoint", server.url, job).code == 0
    assert len(server.requests) == 3
    server.requests.clear()


def test_a_certificate_that_nobody_vouches_for_gets_no_key_and_the_way_out_works(
    server: Sink, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(make_certificate(tmp_path / "other").authority_file))
    job = write_job(tmp_path, 3)
    said = call("run", "--quiet", "--endpoint", server.url, job)
    assert said.code == 2
    assert (
        "\nThe endpoint can't be trusted: no trusted TLS connection: invalid peer certificate: " in said.err
    )
    assert f" - POST {server.url}/events\nWhere an authority of your own signs it, name its" in said.err
    assert server.requests == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority_file))
    assert call("run", "--quiet", "--endpoint", server.url, job).code == 0
    assert len(server.requests) == 3
    server.requests.clear()
