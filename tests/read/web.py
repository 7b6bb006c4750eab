"""A real HTTP server on loopback that serves one file well, or badly in a named way."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Web:
    """What the server serves, how, and what it was asked."""

    body: bytes = b""
    etag: str | None = '"v1"'
    ranges: bool = True
    chunked: bool = False
    status: int = 200
    location: str = ""
    # How many bytes each answer sends before it breaks off, first to last; then whole ones.
    breaks: list[int] = field(default_factory=list)
    port: int = 0
    seen: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serve(web: Web) -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self, web)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(handler: BaseHTTPRequestHandler, web: Web) -> None:
    wanted = handler.headers.get("Range")
    web.seen.append((handler.path, wanted))
    if handler.path == "/moved" or web.status not in (200,):
        status = 302 if handler.path == "/moved" else web.status
        handler.send_response(status)
        if status == 302:
            handler.send_header("Location", web.location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    if web.etag and handler.headers.get("If-None-Match") == web.etag:
        handler.send_response(304)
        handler.end_headers()
        return
    start = 0
    same = handler.headers.get("If-Range") in (None, web.etag)
    if wanted and web.ranges and same and (match := re.fullmatch(r"bytes=(\d+)-", wanted)):
        start = int(match[1])
    rest = web.body[start:]
    handler.send_response(206 if start else 200)
    if web.etag:
        handler.send_header("ETag", web.etag)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(web.body) - 1}/{len(web.body)}")
    cut = web.breaks.pop(0) if web.breaks else None
    if web.chunked:
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        sent = rest[:cut]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(sent), sent) + (b"0\r\n\r\n" if cut is None else b""))
    else:
        handler.send_header("Content-Length", str(len(rest)))
        handler.end_headers()
        handler.wfile.write(rest[:cut])
    if cut is not None:
        handler.close_connection = True
