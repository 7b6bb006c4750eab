"""The faults as a command line writes them: one table of options, and the parser of their values.

Both ways to start a sandbox (`backfill sandbox`, and the child process) take their options from here.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, get_args

from etl.errors import JobError
from etl.sandbox.faults import Faults, LieKind, RetryAfterKind

__all__ = ["FAULT_OPTIONS", "FaultOption", "parse_faults"]


class FaultOption(NamedTuple):
    """One option: its name without the dashes, how its value looks, its help.

    Without a `metavar` it is a flag; with `is_on` it is a flag that is on unless `--no-<name>` is given.
    """

    name: str
    metavar: str | None
    help: str
    is_on: bool = False

    @property
    def key(self) -> str:
        """The option's name as an identifier."""
        return self.name.replace("-", "_")


FAULT_OPTIONS: Final = (
    FaultOption("rate-limit", "N/s", "Answer 429 above this rate: 200/s, 600/min; a second's worth at once."),
    FaultOption("retry-after", "KIND", "What a 429 says: seconds (default), date, absurd, garbage, none."),
    FaultOption("latency-ms", "N[:JITTER]", "Answer this much later, plus up to JITTER more."),
    FaultOption("fail", "SHARE[:STATUS]", "Answer this share with STATUS (default 503), storing nothing."),
    FaultOption("fail-first", "N", "Fail the first N attempts, with the STATUS of --fail."),
    FaultOption("reset", "SHARE", "Reset the connection of this share, storing nothing."),
    FaultOption("lose-answers", "SHARE", "Store this share, then close the connection without an answer."),
    FaultOption(
        "lie",
        "KIND[:SHARE]",
        "Answer 200 with something else than the stored event: html, empty, other-id (nothing is stored), "
        "truncated (stored). Default share 100%.",
    ),
    FaultOption("reject", "SHARE", "Refuse this share of the ids with 422, the same ids each time."),
    FaultOption("refuse-key-after", "N", "Answer 401 once N events were accepted."),
    FaultOption("down-after", "N[:SECONDS]", "Answer 503 once N were accepted, for SECONDS or for good."),
    FaultOption(
        "dedupe", None, "An id that comes again replaces the first (default), or is stored twice.", True
    ),
    FaultOption("conflict", None, "An id that comes again is refused with 409."),
    FaultOption(
        "forget", "SHARE", "Answer 200 to this share of the ids and store nothing; sent again, they are kept."
    ),
    FaultOption("alter", "SHARE", "Store this share of the ids otherwise than they came."),
    FaultOption("double", "SHARE", "Store this share of the ids twice."),
    FaultOption("visible-after", "SECONDS", "Show an event to queries only so long after it came."),
    FaultOption("page-rows", "N", "At most so many results in a query's answer (default 1000)."),
    FaultOption("stringify", None, "Show the values inside properties and userProperties as strings."),
    FaultOption("query-rate-limit", "N/s", "Answer queries with 429 above this rate."),
    FaultOption("refuse-queries", None, "Answer every query with 403, whatever the key."),
    FaultOption("seed", "N", "Seed of everything random (default 0)."),
)


def parse_faults(given: Mapping[str, Any]) -> Faults:
    """Return the faults that the options in `given` ask for, by identifier; None counts as not given.

    Raises `JobError` for a value that can't be read, or for options that contradict each other.
    """
    settings: dict[str, Any] = {}
    for option in FAULT_OPTIONS:
        value = given.get(option.key)
        if option.metavar is None and value is not None:
            settings[option.key] = bool(value)
        elif value is not None:
            settings |= _PARSERS[option.key](f"--{option.name}", str(value))
    if settings.get("conflict") and settings.get("dedupe") is False:
        raise JobError(
            "Expected one of `--no-dedupe` and `--conflict`, found both",
            "Leave one out: an id that comes again is either stored twice or refused",
        )
    if sum(settings.get(f"{name}_share", 0.0) for name in ("forget", "alter", "double")) > 1:
        raise JobError(
            "Expected `--forget`, `--alter` and `--double` to come to 100% at most, found more",
            "Lower one of them: each event meets one of the three",
        )
    return Faults(**settings)


def _refused(option: str, expected: str, found: str) -> JobError:
    return JobError(f"Expected {expected}, found `{found}` - {option}", "See `backfill sandbox --help`")


def _share(option: str, text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)%", text, re.ASCII)
    if not match or float(match[1]) > 100:
        raise _refused(option, "a share from `0%` to `100%`", text)
    return float(match[1]) / 100


def _count(option: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,12}", text, re.ASCII):
        raise _refused(option, "a whole number like `100`", text)
    return int(text)


def _number(option: str, text: str) -> float:
    if not re.fullmatch(r"\d{1,12}(\.\d+)?", text, re.ASCII):
        raise _refused(option, "a number like `2.5`", text)
    return float(text)


def _choice(option: str, text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise _refused(option, "one of " + ", ".join(f"`{choice}`" for choice in choices), text)
    return text


def _rate(option: str, text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)/(s|sec|min|m|h|hour)", text, re.ASCII)
    if not match or float(match[1]) == 0:
        raise _refused(option, "a rate like `200/s` or `600/min`", text)
    return float(match[1]) / {"s": 1, "m": 60, "h": 3600}[match[2][0]]


def _parse_latency(option: str, text: str) -> dict[str, Any]:
    latency, _, jitter = text.partition(":")
    return {
        "latency_seconds": _number(option, latency) / 1000,
        "jitter_seconds": _number(option, jitter or "0") / 1000,
    }


def _parse_fail(option: str, text: str) -> dict[str, Any]:
    share, colon, status = text.partition(":")
    if colon and not re.fullmatch(r"[45]\d\d", status, re.ASCII):
        raise _refused(option, "a status from 400 to 599 after the share", text)
    return {"fail_share": _share(option, share), "fail_status": int(status or 503)}


def _parse_lie(option: str, text: str) -> dict[str, Any]:
    kind, _, share = text.partition(":")
    return {"lie": _choice(option, kind, get_args(LieKind)), "lie_share": _share(option, share or "100%")}


def _parse_down(option: str, text: str) -> dict[str, Any]:
    after, colon, seconds = text.partition(":")
    settings: dict[str, Any] = {"down_after": _count(option, after)}
    return settings | {"down_seconds": _number(option, seconds)} if colon else settings


_PARSERS: Final[dict[str, Callable[[str, str], dict[str, Any]]]] = {
    "rate_limit": lambda option, text: {"rate_per_second": _rate(option, text)},
    "retry_after": lambda option, text: {"retry_after": _choice(option, text, get_args(RetryAfterKind))},
    "latency_ms": _parse_latency,
    "fail": _parse_fail,
    "fail_first": lambda option, text: {"fail_first": _count(option, text)},
    "reset": lambda option, text: {"reset_share": _share(option, text)},
    "lose_answers": lambda option, text: {"lose_share": _share(option, text)},
    "lie": _parse_lie,
    "reject": lambda option, text: {"reject_share": _share(option, text)},
    "refuse_key_after": lambda option, text: {"refuse_key_after": _count(option, text)},
    "down_after": _parse_down,
    "forget": lambda option, text: {"forget_share": _share(option, text)},
    "alter": lambda option, text: {"alter_share": _share(option, text)},
    "double": lambda option, text: {"double_share": _share(option, text)},
    "visible_after": lambda option, text: {"visible_after_seconds": _number(option, text)},
    "page_rows": lambda option, text: {"page_rows": _count(option, text)},
    "query_rate_limit": lambda option, text: {"query_rate_per_second": _rate(option, text)},
    "seed": lambda option, text: {"seed": _count(option, text)},
}
