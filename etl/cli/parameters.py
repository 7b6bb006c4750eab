"""The options that complete a job file: `--set` fills in its `${NAME}`, `--since` and `--until` are its window."""

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from etl.errors import JobError
from etl.values.parameters import Parameters

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["check_parameters", "parameter_option", "window_options"]

_NAME: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")

F = TypeVar("F", bound=Callable[..., Any])


def _parse_settings(settings: tuple[str, ...]) -> Parameters:
    """Return the parameters that `--set` gives, beside the environment's; raises `JobError` for what is none."""
    given: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise JobError(
                f"Expected NAME=VALUE, a name of letters, digits and `_`, found `{setting}` - --set",
                "As in: --set DATE=2024-01-31",
            )
        if given.setdefault(name, value) != value:
            raise JobError(
                f"Expected one value for `{name}`, found `{given[name]}` and `{value}` - --set",
                "Leave one out",
            )
    return Parameters(given, os.environ)


def parameter_option(command: F) -> F:
    """Add `--set`; the command gets what it says, and the environment, as `parameters`."""
    option = click.option(
        "--set",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        callback=lambda _context, _option, settings: _parse_settings(settings),
        help="What ${NAME} in the job file stands for; the environment says the rest.",
    )
    return option(command)


def window_options(command: F) -> F:
    """Add `--since` and `--until`, which become part of the `parameters` that the command gets."""
    for name, which in (("until", "before TIME"), ("since", "from TIME on")):
        command = click.option(
            f"--{name}",
            metavar="TIME",
            callback=_parse_moment,
            help=f"Only events {which}, instead of the job's `{name}`.",
        )(command)
    return command


def _parse_moment(_context: click.Context, option: click.Parameter, text: str | None) -> "datetime | None":
    from etl.job.amounts import parse_moment

    if text is None:
        return None
    try:
        return parse_moment(text)
    except ValueError as error:
        raise JobError(
            f"Expected {error}, found `{text}` - --{option.name}", f"As in: --{option.name} 2024-01-31"
        ) from None


def check_parameters(parameters: Parameters, jobs: Iterable[Path]) -> None:
    """Raise `JobError` where `--set` names a parameter that none of the job files uses: a misspelt one does nothing.

    A file that can't be read uses none; what is wrong with it is told where it is loaded.
    """
    if not parameters.given:
        return
    from etl.job.line_numbers import nearest_name
    from etl.job.load import MOST_BYTES
    from etl.job.references import names_in
    from etl.limited import read_limited

    used: set[str] = set()
    for job in jobs:
        with suppress(OSError, ValueError):
            used |= names_in(read_limited(job, MOST_BYTES).decode("utf-8-sig"))
    for name in sorted(set(parameters.given) - used):
        guess = nearest_name(name, used)
        listed = ", ".join(f"`{one}`" for one in sorted(used)) or "none"
        raise JobError(
            f"Expected a parameter that the job file uses ({listed}), found `{name}` - --set",
            f"Did you mean --set {guess}=…?"
            if guess
            else f"Leave it out, or use ${{{name}}} in the job file",
        )
