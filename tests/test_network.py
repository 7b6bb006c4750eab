import pytest

from etl.network import is_loopback


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [None, "", "localhost.example", "localhosts", "127.example", "127.0.0.1.example", "10.0.0.1", "0.0.0.0"],
)
def test_no_other_host_is_this_machine(host: str | None) -> None:
    assert not is_loopback(host)
