"""Text of others does nothing, wherever it is shown: each command, over a file that is hostile in every cell and
name.
"""

import ast
import io
import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from etl.plain import plain_json, plain_line, plain_text
from tests.workbench import call

PACKAGE = Path(__file__).parents[2] / "etl"
EVIL = "\x1b]0;own\x07\x1b[2J\x9b31m\u202egpj\u2066[red]\u200f<script>&"
NAME = EVIL.replace("/", "")
# What rich sends for colours, and for a bar that is drawn over itself.
OWN = re.compile(r"\x1b\[(?:\?25[lh]|[0-9;]*m|1A|2K)|\r")
JOB = f"""
name = "hostile"
[source]
paths = [{json.dumps(f"log {NAME}.csv")}]
[event]
entityType = {{ value = "search" }}
type = {{ column = {json.dumps(f"type {EVIL}")}, map = {{ {json.dumps(EVIL)} = {json.dumps(f"kind {EVIL}")} }} }}
searchQuery = {json.dumps(f"query {EVIL}")}
createdAt = {{ column = "at" }}
[event.properties]
{json.dumps(f"property {EVIL}")} = {json.dumps(f"query {EVIL}")}
[upload]
rate = "max"
[limits]
max_rejects = "100%"
"""


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evil") / f"folder {NAME}"
    folder.mkdir()
    # Line breaks only where a quoted field and a name of a file can have them.
    header = f'"type {EVIL}","query {EVIL}",at,"unused\n{EVIL}"'
    rows = [
        f'"{EVIL}","one\n{EVIL}",2024-01-31T09:30:00Z,"\n{EVIL}"',
        f'"{EVIL}","two",{EVIL},x',
        f'"other {EVIL}","three",2024-01-31T09:30:00Z,x',
        f'"{EVIL}","short {EVIL}"',
    ]
    (folder / f"log {NAME}.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    path = folder / f"job {NAME}\n.toml"
    path.write_text(JOB, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def rude_server() -> Iterator[str]:
    """Yield the address of a server that refuses every event, with hostile words."""

    class Rude(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            body = json.dumps({"detail": f"no\n{EVIL}", "code": EVIL, "requestId": EVIL}).encode()
            self.send_response(422)
            self.send_header("content-type", "application/problem+json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Rude)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def call_on_a_terminal(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> tuple[int, str]:
    from etl.cli import main

    screen = Terminal(io.BytesIO(), encoding="utf-8", newline="", write_through=True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "argv", ["backfill", *map(str, arguments)])
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0), screen.buffer.getvalue().decode()  # type: ignore[attr-defined]


def assert_harmless(text: str) -> None:
    """No character but a line break or a tab that does anything, and no name that broke a line."""
    assert plain_text(text) == text
    assert f"\n{plain_line(EVIL)}" not in text
    assert "Traceback" not in text


SHOWN = [
    ["preview"],
    ["preview", "--rejects-only"],
    ["preview", "--json"],
    ["validate"],
    ["validate", "--json"],
    ["validate", "--annotate", "github"],
    ["run", "--endpoint"],
    ["run", "--json", "--endpoint"],
    ["run", "--log-format", "text", "--endpoint"],
    ["status", "--endpoint"],
    ["status", "--json", "--endpoint"],
    ["loads", "--endpoint"],
    ["loads", "--json", "--endpoint"],
    ["rejects", "--endpoint"],
    ["rejects", "--by", "file", "--endpoint"],
    ["rejects", "--format", "jsonl", "--endpoint"],
    ["retry", "--dry-run", "--endpoint"],
    ["dismiss", "--all", "--reason", EVIL, "--endpoint"],
    ["dismiss", "--all", "--undo", "--json", "--endpoint"],
    ["dismiss", "--all", "--undo", "--file", EVIL, "--endpoint"],
    ["verify", "--endpoint"],
    ["verify", "--json", "--endpoint"],
    ["receipt", "--endpoint"],
    ["doctor", "--endpoint"],
    ["reset", "--endpoint"],
]


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_each_command_shows_text_of_others_and_obeys_none_of_it(
    words: list[str], job: Path, rude_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", "key")
    arguments = [*words, rude_server] if words[-1] == "--endpoint" else words
    if words[0] in ("status", "loads", "rejects", "retry", "reset", "dismiss", "verify", "receipt"):
        call("run", job, "--endpoint", rude_server)
    said = call(*arguments, job)
    assert_harmless(said.out)
    assert_harmless(said.err)
    assert said.code in (0, 2, 3, 5)
    if "--json" in words:
        assert isinstance(json.loads(said.out), dict)
    code, screen = call_on_a_terminal(monkeypatch, *arguments, job)
    assert_harmless(OWN.sub("", screen))
    assert code in (0, 2, 3, 5)


def test_the_reports_hold_it_as_text(job: Path, tmp_path: Path) -> None:
    pages = [tmp_path / "page.html", tmp_path / "junit.xml", tmp_path / "table.txt", tmp_path / "run.html"]
    call("validate", job, "--html", pages[0], "--junit", pages[1])
    call("run", "--sandbox", job, "--html", pages[3])
    call("rejects", "--sandbox", job, "-o", pages[2])
    for page in pages:
        assert_harmless(page.read_text(encoding="utf-8"))
    for page in (pages[0], pages[3]):
        # Its own, which sorts the tables, and none of theirs.
        assert page.read_text(encoding="utf-8").count("<script") == 1
    assert Xml.parse(pages[1]).getroot().tag == "testsuites"


def test_jsonl_loses_nothing_and_the_log_of_the_run_is_harmless(job: Path, tmp_path: Path) -> None:
    call("run", "--sandbox", job)
    call("rejects", "--sandbox", job, "-o", tmp_path / "rejects.jsonl")
    text = (tmp_path / "rejects.jsonl").read_text(encoding="utf-8")
    assert_harmless(text)
    sources = [json.loads(line)["source"] for line in text.splitlines()]
    assert {"at": EVIL, f"type {EVIL}": EVIL}.items() <= next(s for s in sources if s).items()
    logs = list(job.parent.glob(".backfill/hostile@sandbox/**/run-*.jsonl"))
    assert logs
    for log in logs:
        assert log.read_text(encoding="utf-8").isascii()


def test_a_command_line_that_is_wrong_is_quoted_as_text(tmp_path: Path) -> None:
    for arguments in (
        ["run", EVIL],
        [EVIL],
        ["run", f"--{EVIL}"],
        ["run", "--rate", EVIL, "x.toml"],
        ["init", EVIL],
    ):
        said = call(*arguments)
        assert said.code in (2, 4)
        assert_harmless(said.out + said.err)


def test_a_plain_line_is_one_line_and_says_what_stood_there() -> None:
    assert (
        plain_line("a\x1b[1m\r\n\t\x7f\x9b\u202e\udcff[red]é😀") == "a␛[1m␍␊␉␡\\u009b\\u202e\\udcff[red]é😀"
    )
    assert json.loads(plain_json({EVIL: "\u2028\x7f"})) == {EVIL: "\u2028\x7f"}


def test_only_the_few_places_that_make_text_plain_print() -> None:
    """What prints goes by `say`, by a console of ours, or by the streams of the command line, which are plain
    themselves.
    """
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""
            if name in (
                "sys.__stdout__",
                "sys.__stderr__",
                "sys.stdout.buffer",
                "Console",
                "click.echo",
                "click.secho",
            ):
                found.add((path.relative_to(PACKAGE).as_posix(), name))
    # A base class and annotations; none is called. The sandbox's process writes one line of JSON for its parent.
    found.discard(("sandbox/__main__.py", "sys.stdout.buffer"))
    assert {path for path, _ in found} <= {
        f"report/{name}.py" for name in ("console", "init", "preview", "validation")
    }
