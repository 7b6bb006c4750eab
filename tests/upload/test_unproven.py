"""A whole run against a destination whose answers prove nothing: what it says, its exit code, what stays pending."""

import json
from pathlib import Path

import pytest

from etl.sandbox.process import SandboxProcess
from tests.send.serving import serving
from tests.send.sink import Reply, Request, stored
from tests.workbench import call, write_job


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", "CANARY-c0ffee")


def test_a_place_that_never_proves_an_event_is_not_the_events_api(tmp_path: Path) -> None:
    job = write_job(tmp_path, 50)
    with serving(lambda _: Reply(204)) as sink:
        said = call("run", "--quiet", "--endpoint", sink.url, job)
        assert said.code == 2
        assert (
            "The endpoint is not the events API: 2 answers in a row prove nothing; the last: expected the event in the "
            f"answer, found 204 with no body - POST {sink.url}/events\n"
            f"Check [upload] endpoint. See what it answers with (backfill doctor {job} --endpoint {sink.url}), and "
            "run again once that is mended; what was answered so may be stored there, stays pending, and keeps its id\n"
        ) in said.err + said.out
        assert sink.ids[0] == sink.ids[1]
        assert len(sink.requests) == 2
        sink.answer = stored
        assert call("run", "--quiet", "--endpoint", sink.url, job).code == 0


def test_a_place_that_stops_proving_leaves_the_rest_pending(tmp_path: Path) -> None:
    job = write_job(tmp_path, 600)

    def answer(request: Request) -> Reply:
        return stored(request) if request.number < 300 else Reply(body=b"<html>moved</html>")

    with serving(answer) as sink:
        said = call("run", "--json", "--quiet", "--endpoint", sink.url, job)
        found = json.loads(said.out)
        assert (said.code, found["state"]) == (5, "incomplete")
        assert found["rows"]["delivered"] == 300
        assert found["rows"]["pending"] == 300
        assert found["message"].startswith("The destination stopped proving what it takes: ")
        assert "found 200 with what is not JSON: `<html>moved</html>`" in found["message"]


def test_a_lie_in_a_hundred_keeps_nothing_from_being_delivered(tmp_path: Path) -> None:
    job = write_job(tmp_path, 2000, upload='patience = "1s"')
    with SandboxProcess("--lie", "html:1%") as sandbox:
        said = call("run", "--json", "--quiet", "--endpoint", sandbox.url, job)
        # The sandbox takes keys of its own.
        assert said.code == 6
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", sandbox.api_key)
            said = call("run", "--json", "--quiet", "--endpoint", sandbox.url, job)
        assert said.code == 0, said
        assert sandbox.stats()["stored"] == 2000
