"""The audit of the lock, with a database of vulnerabilities on loopback."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.workbench import ROOT

HASH = "sha256:" + "0" * 64


def audit(lock: Path, url: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(
        [sys.executable, str(ROOT / "tests/packaging/audit.py"), str(lock)],
        env={**kept, "OSV_URL": url},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def write_lock(folder: Path) -> Path:
    lock = folder / "requirements.lock"
    lock.write_text(f"fine==1.0 --hash={HASH}\nleaky==1.2 --hash={HASH}\n")
    return lock


@contextmanager
def database() -> Iterator[str]:
    """A database that knows of one vulnerability, of the package `leaky`."""
    known = {
        "id": "OSV-1",
        "affected": [
            {
                "package": {"name": "leaky", "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.3"}]}],
            }
        ],
        "summary": "It leaks",
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = {"vulns": [known]} if query["package"]["name"] == "leaky" else {}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_known_vulnerability_fails_the_check_and_names_the_version_that_mends_it(tmp_path: Path) -> None:
    with database() as url:
        finished = audit(write_lock(tmp_path), url)
    assert finished.stdout == (
        "leaky 1.2: OSV-1, mended in 1.3\n2 locked packages, 1 with known vulnerabilities; make lock\n"
    )
    assert finished.returncode == 1


def test_where_the_database_is_away_the_check_says_so_and_passes(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        finished = audit(write_lock(tmp_path), f"http://127.0.0.1:{closed.getsockname()[1]}/")
    assert finished.stdout.startswith("requirements.lock: not audited, ")
    assert finished.returncode == 0


def test_a_lock_that_can_not_be_read_fails_the_check(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("fine\n")
    assert audit(tmp_path / "requirements.lock", "http://127.0.0.1:9/").returncode == 1
