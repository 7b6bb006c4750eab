"""Outcomes for the tests of this folder, and a server that keeps what it is sent."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

from etl.values.books import Books
from etl.values.outcome import Outcome

SECRET_CELL = "jane.doe@example.org"


def outcome_of(exit_code: int = 0, **changes: Any) -> Outcome:
    values: dict[str, Any] = {
        "job": "search",
        "state": "complete",
        "exit_code": exit_code,
        "books": Books(read=10, delivered=7, rejected=2, duplicate=1),
        "rejects": {"malformed_record": 2},
        "sent_now": 7,
        "attempts": 8,
        "retries": 1,
        "elapsed_seconds": 1.5,
        "loads": (1,),
    }
    return Outcome(**{**values, **changes})


@dataclass
class Received:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A server on loopback that keeps what it was sent."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@contextmanager
def receiving(
    answer: int | Callable[[Received], int] = 200,
    headers: Mapping[str, str] = MappingProxyType({}),
    tls: ssl.SSLContext | None = None,
) -> Iterator[Receiver]:
    """Run a server that answers each request with the status `answer`, or what it says of the request, and
    `headers`.
    """
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            fields = {name.lower(): value for name, value in self.headers.items()}
            request = Received(self.command, self.path, fields, body)
            receiver.requests.append(request)
            self.send_response_only(answer if isinstance(answer, int) else answer(request))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hangs up
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
