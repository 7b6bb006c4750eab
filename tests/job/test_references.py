from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.errors import JobError
from etl.intake.fingerprint import mapping_fingerprint
from etl.job.load import parse_job
from etl.job.model import Job
from etl.job.references import names_in
from etl.values.parameters import Parameters

TEXT = """name = "search-${STAGE}"
[source]
paths = ["logs/${DATE}/*.csv", "late/${DATE}.csv"]
since = "${DATE}"
until = "${END}"
[event]
type = { value = "search_query_submitted" }
entityType = { value = "search" }
searchQuery = { column = "q", default = "${STAGE} query" }
createdAt = "at"
[event.properties]
stage = { value = "${STAGE}" }
[upload]
endpoint = "https://${STAGE}.example.org"
key_env = "${KEEP}_INKEEP"
"""
GIVEN = {"STAGE": "prod", "DATE": "2024-01-31", "END": "2024-02-01", "KEEP": "PROD"}


def parse(text: str, **environ: str) -> Job:
    return parse_job(text, Path("jobs/j.toml"), Parameters(environ=environ))


def problem_with(text: str, parameters: Parameters) -> str:
    with pytest.raises(JobError) as error:
        parse_job(text, Path("jobs/j.toml"), parameters)
    return str(error.value)


def test_what_a_parameter_stands_for_is_filled_in_wherever_one_can_be() -> None:
    job = parse(TEXT, **GIVEN)
    assert job.name == "search-prod"
    assert job.source.paths == ("logs/2024-01-31/*.csv", "late/2024-01-31.csv")
    assert (job.source.since, job.source.until) == (
        datetime(2024, 1, 31, tzinfo=UTC),
        datetime(2024, 2, 1, tzinfo=UTC),
    )
    assert job.event.properties.fields["stage"].value == "prod"
    assert job.event.searchQuery is not None
    assert job.event.searchQuery.default == "prod query"
    assert (job.upload.endpoint, job.upload.key_env) == ("https://prod.example.org", "PROD_INKEEP")
    assert job.parameters == GIVEN


def test_what_is_given_by_name_goes_before_the_environment_even_where_it_is_empty() -> None:
    text = TEXT.replace("${STAGE} query", "<${EXTRA}>")
    job = parse_job(text, Path("j.toml"), Parameters({"EXTRA": ""}, {**GIVEN, "EXTRA": "of the environment"}))
    assert job.event.searchQuery is not None
    assert job.event.searchQuery.default == "<>"


def test_the_mapping_is_that_of_what_results() -> None:
    constant = TEXT.replace('{ value = "${STAGE}" }', '{ value = "prod" }')
    assert mapping_fingerprint(parse(TEXT, **GIVEN)) == mapping_fingerprint(parse(constant, **GIVEN))
    other = parse(TEXT, **{**GIVEN, "STAGE": "staging"})
    assert mapping_fingerprint(parse(TEXT, **GIVEN)) != mapping_fingerprint(other)


def test_all_that_is_unset_or_empty_is_told_at_once() -> None:
    environ = {"STAGE": "prod", "KEEP": "PROD", "END": ""}
    assert problem_with(TEXT, Parameters(environ=environ)) == (
        "Expected a value for the parameter `${DATE}`, found it unset - [source] paths, jobs/j.toml line 3\n"
        "Set it: --set DATE=VALUE, or DATE in the environment\n"
        "Expected a value for the parameter `${END}`, found it empty - [source] until, jobs/j.toml line 5\n"
        "Set it: --set END=VALUE, or END in the environment"
    )


def test_a_misspelt_name_is_recognised() -> None:
    given = {**GIVEN, "DAET": GIVEN["DATE"]}
    del given["DATE"]
    assert "Did you mean --set DATE=…, instead of DAET?" in problem_with(TEXT, Parameters(given))


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("[filter]\nsql = \"region = '${STAGE}'\"", "`${STAGE}` - [filter] sql, jobs/j.toml line 18"),
        (
            '[event.userProperties]\n"${STAGE}" = "user"',
            "`${STAGE}` as a key - [event.userProperties] ${STAGE}",
        ),
        ('[event.userProperties]\nid = "${STAGE}_user"', "`${STAGE}` - [event.userProperties] id"),
        ('[notify]\nwebhook_env = "${STAGE}_HOOK"', "`${STAGE}` - [notify] webhook_env"),
    ],
)
def test_a_parameter_elsewhere_is_refused(line: str, place: str) -> None:
    said = problem_with(f"{TEXT}\n{line}", Parameters(GIVEN))
    assert said.startswith(
        "Expected a parameter in `name`, `paths`, `since`, `until`, `endpoint`, `key_env`, and constants (`value`, "
        f"`default`), found {place}"
    )
    assert said.endswith("where the text ${STAGE} itself is meant: $${STAGE}")


def test_a_key_never_comes_in_as_a_parameter() -> None:
    text = TEXT.replace('stage = { value = "${STAGE}" }', 'stage = { value = "${STAGING_API_KEY}" }')
    said = problem_with(text, Parameters({**GIVEN, "STAGING_API_KEY": "CANARY"}))
    assert said == (
        "Expected a parameter that is no key or token, found `${STAGING_API_KEY}` - [event.properties.stage] value, "
        "jobs/j.toml line 12\nWhat it stands for would be in events, state and reports; the API key is read from the "
        "environment without it"
    )


def test_texts_of_the_data_stay_as_they_are() -> None:
    text = TEXT.replace(
        'type = { value = "search_query_submitted" }',
        'type = { column = "a", map = { "${title}" = "x${y}" }, null_values = ["${none}"] }',
    )
    job = parse(text, **GIVEN)
    assert job.event.type.map == {"${title}": "x${y}"}
    assert job.event.type.null_values == ("${none}",)


def test_doubled_it_stands_for_itself() -> None:
    text = TEXT.replace('stage = { value = "${STAGE}" }', 'stage = { value = "$${STAGE} $x ${STAGE}" }')
    assert parse(text, **GIVEN).event.properties.fields["stage"].value == "${STAGE} $x prod"


@given(st.text().filter(lambda value: "\x00" not in value))
def test_any_value_comes_in_as_it_is_and_is_never_looked_into_again(value: str) -> None:
    job = parse_job(
        TEXT.replace("${STAGE} query", "${ANY}"), Path("j.toml"), Parameters({**GIVEN, "ANY": value})
    )
    assert job.event.searchQuery is not None
    assert job.event.searchQuery.default == value


def test_names_are_found_in_the_text_of_a_file() -> None:
    assert names_in(TEXT + "# $${NOT} ${1} ${}") == set(GIVEN)


def test_a_window_that_holds_nothing_is_refused() -> None:
    assert problem_with(TEXT, Parameters({**GIVEN, "END": "2024-01-31"})) == (
        "Expected `until` later than `since`, found 2024-01-31T00:00:00Z and 2024-01-31T00:00:00Z - source, "
        "jobs/j.toml line 2\n"
        "An event at `until` is left out, so a whole day D is since = D, until = the day after D"
    )


@pytest.mark.parametrize("key", ["path", "text", "parameters"])
def test_what_a_job_holds_beside_its_file_is_no_key_of_it(key: str) -> None:
    assert problem_with(f'{key} = "x"\n{TEXT}', Parameters(GIVEN)) == (
        f"Expected no `{key}` at the top of a job file, found it - jobs/j.toml\nRemove it"
    )


def test_what_may_be_a_key_is_not_shown() -> None:
    said = problem_with(TEXT.replace("${KEEP}_INKEEP", "sk_live_CANARY"), Parameters(GIVEN))
    assert "CANARY" not in said
    assert said.startswith(
        "Expected the name of an environment variable in capitals, like `STAGING_INKEEP_KEY`, found a value that isn't "
        "shown - [upload] key_env"
    )
