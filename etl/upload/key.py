"""Where the API key comes from when nobody hands it over. Rule: the key is in no text that this makes."""

from collections.abc import Mapping
from typing import Final

__all__ = ["KEY_VARIABLES", "find_key", "find_key_variable"]

KEY_VARIABLES: Final = ("INKEEPANALYTICS_API_INTEGRATION_KEY", "INKEEPANALYTICS_WEB_INTEGRATION_KEY")


def find_key(environ: Mapping[str, str]) -> str | None:
    """Return the key that the environment holds, or None."""
    variable = find_key_variable(environ)
    return None if variable is None else environ[variable].strip()


def find_key_variable(environ: Mapping[str, str]) -> str | None:
    """Return the name of the variable that the key is taken from, or None."""
    return next((name for name in KEY_VARIABLES if environ.get(name, "").strip()), None)
