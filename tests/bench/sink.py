"""Where the benchmark's events go: nginx, which answers each with its own body; or a sink of our own without it."""

import asyncio
import json
import multiprocessing
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ECHO_MODULE = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
NGINX = """
load_module {module};
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  keepalive_requests 1000000000; keepalive_timeout 600s; client_body_buffer_size 64k; default_type application/json;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  log_format moment '$msec';
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    access_log off;
    location = /events {{ echo_read_request_body; echo_request_body; }}
    location = /plain {{ return 200 '{{"id":"x"}}'; }}
    location = /timed/events {{ access_log {folder}/moments.log moment; echo_read_request_body; echo_request_body; }}
    location = /slow/events {{ echo_sleep 0.05; echo_read_request_body; echo_request_body; }}
  }}
}}
"""


@dataclass(frozen=True)
class Sink:
    """A running sink: `{url}/events` answers at once, `/slow/events` after 50 ms, `/timed/events` notes when."""

    url: str
    kind: str
    moments: Path

    def read_moments(self) -> list[float]:
        """Return when each request to `/timed/events` was answered, in seconds, and forget them."""
        time.sleep(0.5)
        text = self.moments.read_text() if self.moments.exists() else ""
        with self.moments.open("w"):
            pass
        return sorted(float(line) for line in text.splitlines())


@contextmanager
def run_sink(folder: Path) -> Iterator[Sink]:
    """Run nginx where it and its echo module are installed, else our own sink."""
    port = find_free_port()
    url, moments = f"http://127.0.0.1:{port}", folder / "moments.log"
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx and ECHO_MODULE.exists():
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(module=ECHO_MODULE, folder=folder, port=port))
        process = subprocess.Popen([nginx, "-c", str(config)], stdin=subprocess.DEVNULL)
        try:
            wait_for(port)
            yield Sink(url, "nginx, one worker, answers with the request's body", moments)
        finally:
            process.terminate()
            process.wait()
        return
    child = multiprocessing.get_context("spawn").Process(target=serve, args=(port, moments), daemon=True)
    child.start()
    try:
        wait_for(port)
        yield Sink(url, "our own asyncio sink: nginx with libnginx-mod-http-echo isn't installed", moments)
    finally:
        child.terminate()
        child.join()


def find_free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int, seconds: float = 20) -> None:
    """Return once something listens on `port`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"no sink on port {port}")


def serve(port: int, moments: Path) -> None:
    """Answer every POST with its own body, until the process ends."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with moments.open("a") as log:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, _, fields = head.partition(b"\r\n")
                size = next(
                    int(f.split(b":")[1])
                    for f in fields.lower().split(b"\r\n")
                    if f.startswith(b"content-length")
                )
                body = await reader.readexactly(size)
                if b"/slow/" in line:
                    await asyncio.sleep(0.05)
                if b"/timed/" in line:
                    log.write(f"{time.time():.3f}\n")
                    log.flush()
                reply = json.dumps({"id": "x"}).encode() if b"/plain" in line else body
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                    % len(reply)
                    + reply
                )

    async def run() -> None:
        async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await answer(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()

        server = await asyncio.start_server(guarded, "127.0.0.1", port, backlog=4096)
        await server.serve_forever()

    asyncio.run(run())
