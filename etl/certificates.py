"""Whose certificates are trusted: the system's, which SSL_CERT_FILE and SSL_CERT_DIR replace, else
also those of certifi.
"""

import os
import ssl
from pathlib import Path
from typing import Final

import certifi

from etl.errors import EndpointError

__all__ = ["check_certificate_settings", "load_certificates"]

_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def load_certificates() -> ssl.SSLContext:
    """Return what a TLS connection is held to."""
    context = ssl.create_default_context()
    if not any(os.environ.get(name) for name in _VARIABLES):
        context.load_verify_locations(certifi.where())
    return context


def check_certificate_settings() -> None:
    """Raise `EndpointError` where SSL_CERT_FILE or SSL_CERT_DIR names nothing that can be read."""
    for name in _VARIABLES:
        place = os.environ.get(name)
        if place and not os.access(Path(place), os.R_OK):
            raise EndpointError(
                f"Expected certificates at `{place}`, found nothing readable - environment variable {name}",
                f"Correct or unset {name}",
            )
