import pytest

from etl.endpoint import Endpoint, parse_endpoint
from etl.errors import EndpointError


@pytest.mark.parametrize(
    ("text", "url", "is_loopback"),
    [
        ("https://api.analytics.inkeep.com", "https://api.analytics.inkeep.com/events", False),
        ("https://api.analytics.inkeep.com/", "https://api.analytics.inkeep.com/events", False),
        ("https://host/proxy/v1//", "https://host/proxy/v1/events", False),
        ("https://host/events", "https://host/events", False),
        ("https://host/events/", "https://host/events", False),
        (" HTTPS://Host:8443 ", "https://host:8443/events", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/events", True),
        ("http://127.9.9.9", "http://127.9.9.9/events", True),
        ("http://localhost:1", "http://localhost:1/events", True),
        ("http://[::1]:9", "http://[::1]:9/events", True),
    ],
)
def test_a_base_url_becomes_the_url_of_events(text: str, url: str, is_loopback: bool) -> None:
    assert parse_endpoint(text) == Endpoint(url, is_loopback)


@pytest.mark.parametrize(
    "text",
    [
        "http://api.analytics.inkeep.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://[::ffff:8.8.8.8]",
    ],
)
def test_plain_http_is_for_this_machine_only(text: str) -> None:
    with pytest.raises(EndpointError) as caught:
        parse_endpoint(text)
    assert "https" in caught.value.fix
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.analytics.inkeep.com",
        "ftp://host",
        "https://",
        "https:///events",
        "https://host:port",
        "https://host:99999",
        "https://[::1",
        "https://host/a b",
        "https://host/\n",
        "https://host\\@evil",
        "https://hōst",
        "https://host?key=CANARY",
        "https://host/#CANARY",
        "https://user:CANARY@host",
        "https://CANARY@host",
        "http://127.0.0.1@CANARY.example.com",
    ],
)
def test_anything_else_is_refused_without_quoting_what_may_be_secret(text: str) -> None:
    if text == "https://host/\n":
        text = "https://host/\n/x"
    with pytest.raises(EndpointError) as caught:
        parse_endpoint(text)
    assert caught.value.problem.startswith("Expected")
    assert "CANARY" not in str(caught.value).replace("@CANARY.example.com", "").replace(
        "@canary.example.com", ""
    )
