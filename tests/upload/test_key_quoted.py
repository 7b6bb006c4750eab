"""A server that quotes the key, in every form and place: nothing that a run shows, keeps or sends on has it."""

import json
from pathlib import Path

import orjson
import polars as pl
import pytest

from tests.send.keyed import KEY, quotes_of
from tests.send.serving import serving
from tests.send.sink import Reply, Request, Sink
from tests.watch.runs import Receiver, receiving
from tests.workbench import Said, call, write_job

FORMS = list(quotes_of(KEY).values())


def header(text: str) -> str:
    return text.replace("\r", "").replace("\n", "").replace("\u200b", "")


def quoting(status: int, form: str, *, page: bool = False) -> Reply:
    """Answer with `form` in every place that an answer has."""
    body = orjson.dumps(
        {
            "title": form,
            "detail": f"bad key {form}",
            "code": form,
            "requestId": form,
            "error": {"code": form, "message": form},
        }
    )
    if page:
        body = f"<html><h1>No</h1>Authorization: Bearer {form}</html>".encode()
    fields = "".join(
        f"{name}: {header(form)}\r\n"
        for name in (
            "x-request-id",
            "location",
            "ratelimit-policy",
            "ratelimit",
            "content-language",
            "x-ratelimit-reset",
        )
    )
    head = f"HTTP/1.1 {status} {header(form)}\r\n{fields}transfer-encoding: chunked\r\n\r\n"
    half = len(body) // 2
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:], b"")]
    return Reply(raw=head.encode("utf-8") + b"".join(chunks))


def texts_of(folder: Path) -> dict[str, bytes]:
    """Return all that the files under `folder` say, also what Parquet compresses."""
    found = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path in folder.rglob("*.parquet"):
        found[f"{path}, read"] = str(pl.read_parquet(path).to_dicts()).encode()
    return found


def assert_clean(said: list[Said], folder: Path, told: Receiver) -> None:
    texts = texts_of(folder)
    texts |= {"screen": "".join(one.out + one.err for one in said).encode()}
    texts |= {f"webhook {n}": request.body for n, request in enumerate(told.requests)}
    assert any(b"[key]" in text for text in texts.values())
    for place, text in texts.items():
        for form in (KEY, *FORMS, KEY[:13], KEY[-13:]):
            assert form.encode().lower() not in text.lower(), (place, form)
        assert b"Traceback" not in text, text.decode()


@pytest.fixture
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", KEY)


def run_all(folder: Path, sink: Sink, told: Receiver, monkeypatch: pytest.MonkeyPatch) -> list[Said]:
    """Run the job and everything that tells of it afterwards."""
    monkeypatch.setenv("TOLD", told.url)
    job = write_job(folder, len(FORMS), top='[notify]\nwebhook_env = "TOLD"\n')
    place = ("--endpoint", sink.url, "--state-dir", folder / "state")
    return [
        call("run", "--log-format", "json", "--metrics-file", folder / "metrics.prom", *place, job),
        call("run", "--json", *place, job),
        *(call(command, *place, job) for command in ("status", "loads", "doctor", "rejects")),
        call("status", "--json", *place, job),
        *(
            call("rejects", "--format", form, "-o", folder / f"out.{form}", *place, job)
            for form in ("csv", "jsonl", "parquet")
        ),
    ]


@pytest.mark.usefixtures("_environment")
@pytest.mark.parametrize("page", [False, True])
@pytest.mark.parametrize("status", [422, 409, 413])
def test_a_refused_event_keeps_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, page: bool
) -> None:
    def answer(request: Request) -> Reply:
        return quoting(status, FORMS[request.number % len(FORMS)], page=page)

    with serving(answer) as sink, receiving() as told:
        said = run_all(tmp_path, sink, told, monkeypatch)
        assert said[0].code == 3, said[0]
        assert_clean(said, tmp_path, told)


@pytest.mark.usefixtures("_environment")
@pytest.mark.parametrize("page", [False, True])
@pytest.mark.parametrize(("status", "code"), [(401, 6), (403, 6), (404, 2), (307, 2)])
def test_a_run_that_stops_says_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, code: int, page: bool
) -> None:
    forms = iter(FORMS * 10)
    with serving(lambda _: quoting(status, next(forms), page=page)) as sink, receiving() as told:
        said = run_all(tmp_path, sink, told, monkeypatch)
        assert said[0].code == code, said[0]
        assert_clean(said, tmp_path, told)


@pytest.mark.usefixtures("_environment")
@pytest.mark.parametrize("form", ["raw", "percent", "json, all escaped", "basic base64"])
def test_a_status_line_that_quotes_the_key_says_no_key(tmp_path: Path, form: str) -> None:
    line = f"HTTP/1.1 abc {quotes_of(KEY)[form]}\r\n\r\n".encode()
    with serving(lambda _: Reply(raw=line, reset=True)) as sink:
        job = write_job(tmp_path, 1)
        said = call("doctor", "--endpoint", sink.url, "--state-dir", tmp_path / "state", job)
    assert said.code == 5, said
    assert KEY not in said.out + said.err
    assert quotes_of(KEY)[form] not in said.out + said.err


def test_the_forms_are_what_a_reader_of_json_would_see() -> None:
    assert json.loads(f'"{quotes_of(KEY)["json, all escaped"]}"') == KEY
