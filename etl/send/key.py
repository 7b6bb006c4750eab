"""Where the API key comes from when nobody hands it over. Rule: the key is in no text that this makes."""

from collections.abc import Mapping
from typing import Final

from etl.errors import KeyProblem
from etl.typed import type_command

__all__ = ["KEY_VARIABLES", "find_key", "find_key_variable", "key_variables", "no_key"]

KEY_VARIABLES: Final = ("INKEEPANALYTICS_API_INTEGRATION_KEY", "INKEEPANALYTICS_WEB_INTEGRATION_KEY")


def key_variables(key_env: str | None) -> tuple[str, ...]:
    """Return the names of the variables that may hold the key: only `key_env`, where a job names it.

    A job that names its own variable means another project: the usual key must never go there instead.
    """
    return KEY_VARIABLES if key_env is None else (key_env,)


def find_key(environ: Mapping[str, str], key_env: str | None = None) -> str | None:
    """Return the key that the environment holds, or None."""
    variable = find_key_variable(environ, key_env)
    return None if variable is None else environ[variable].strip()


def find_key_variable(environ: Mapping[str, str], key_env: str | None = None) -> str | None:
    """Return the name of the variable that the key is taken from, or None."""
    return next((name for name in key_variables(key_env) if environ.get(name, "").strip()), None)


def no_key(key_env: str | None) -> KeyProblem:
    """Return the error that there is no key where a job's key may be."""
    if key_env is not None:
        return KeyProblem(
            f"Expected an API key, found none in {key_env}, which [upload] key_env names, or in --key-file",
            f"Set one of them, or rehearse without a key: {type_command('run', '--sandbox')}",
        )
    return KeyProblem(
        f"Expected an API key, found none in {', '.join(KEY_VARIABLES)} or --key-file",
        f"Set one of them, or rehearse without a key: {type_command('run', '--sandbox')}",
    )
