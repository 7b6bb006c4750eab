"""A few lines of HTTP for the tests, so that what is sent is plain to see."""

import http.client
import json
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from etl.sandbox.keys import API_KEY

EVENT: dict[str, Any] = {
    "id": "event-1",
    "type": "assistant_message_copied",
    "entityType": "message",
    "messageId": "msg_1",
    "createdAt": "2023-11-14T22:13:20.000Z",
}


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def post(
    url: str,
    content: object,
    *,
    key: str | None = API_KEY,
    path: str = "/events",
    headers: dict[str, str] | None = None,
    method: str = "POST",
) -> Reply:
    """Send one request on a connection of its own; an iterator as content is sent chunked."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    sent = {"Content-Type": "application/json", **(headers or {})}
    if key is not None:
        sent["Authorization"] = f"Bearer {key}"
    is_raw = isinstance(content, bytes | Iterable) and not isinstance(content, dict | list | str)
    body: Any = content if is_raw else json.dumps(content)
    try:
        connection.request(method, path, body, sent, encode_chunked=not isinstance(body, bytes | str))
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def query(url: str, content: object, **options: Any) -> Reply:
    return post(url, content, path="/query/events", **options)
