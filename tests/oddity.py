"""A server that stands before the sandbox, hands everything on, and shows its queries' answers as a test wants them."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from etl.sandbox.process import SandboxProcess


class Shown(NamedTuple):
    """An answer: its status, its body, and headers beside the usual ones (a date of its own takes that one's place)."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, data: dict[str, Any]) -> "Shown":
        return cls(200, json.dumps({"status": "ok", "data": data}).encode())

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["data"]
        return found


# Is given what was asked, and what the sandbox answered.
Change = Callable[[dict[str, Any], Shown], Shown]


def as_it_is(_: dict[str, Any], shown: Shown) -> Shown:
    return shown


@contextmanager
def showing(
    sandbox: SandboxProcess, change: Change = as_it_is, *, ignores: Callable[[str], bool] = lambda _: False
) -> Iterator[str]:
    """The URL of a server that is the sandbox, but for what `change` makes of its answers to queries.

    Events whose id it `ignores` are answered as stored and not handed on.
    """
    opener = build_opener(ProxyHandler({}))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            request = Request(sandbox.url + self.path, body, {"content-type": "application/json"})
            request.add_header("authorization", self.headers["authorization"])
            if (
                self.path.endswith("/events")
                and "/query" not in self.path
                and ignores(str(json.loads(body).get("id")))
            ):
                self.show(Shown(200, body))
                return
            try:
                with opener.open(request, timeout=30) as answer:
                    shown = Shown(answer.status, answer.read())
            except HTTPError as error:
                shown = Shown(error.code, error.read())
            if self.path.endswith("/query/events"):
                shown = change(json.loads(body), shown)
            self.show(shown)

        def show(self, shown: Shown) -> None:
            self.send_response_only(shown.status)
            for name, value in {"date": self.date_time_string(), **dict(shown.headers)}.items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(shown.body)))
            self.end_headers()
            self.wfile.write(shown.body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
