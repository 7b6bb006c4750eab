import http.client
from urllib.parse import urlsplit

import pytest

from etl.sandbox.host import names_loopback
from etl.sandbox.process import SandboxProcess


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8787", "localhost:1", "LOCALHOST", "[::1]:9", "127.9.9.9"]
)
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert names_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example.com", "127.0.0.1.evil.com:8787", "10.0.0.1", "[::1", "localhost.evil.com"]
)
def test_no_other_host_is_this_machine(host: str) -> None:
    assert not names_loopback(host)


@pytest.mark.parametrize("path", ["/sandbox/stats", "/sandbox/events", "/events", "/query/events"])
def test_a_request_for_another_host_is_not_answered(path: str) -> None:
    with SandboxProcess() as sandbox:
        for host, status in (("rebound.example.com", 403), ("localhost", None)):
            connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=10)
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            assert (answer.status == 403) == (status == 403)
            assert status is None or b"127.0.0.1" in answer.read()
            connection.close()
