"""Which certificate authorities are trusted: those of SSL_CERT_FILE and SSL_CERT_DIR, or the system's and certifi's."""

import os
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final

import certifi

from etl.errors import EndpointError

__all__ = ["CERTIFICATE_SETTINGS", "check_certificate_settings", "load_certificates", "no_certificates"]

# What replaces the certificates of the system.
CERTIFICATE_SETTINGS: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def load_certificates() -> ssl.SSLContext:
    """Return what a TLS connection is held to."""
    context = ssl.create_default_context()
    if not any(os.environ.get(name) for name in CERTIFICATE_SETTINGS):
        context.load_verify_locations(certifi.where())
    return context


def check_certificate_settings() -> None:
    """Raise `EndpointError` where SSL_CERT_FILE or SSL_CERT_DIR holds no certificate that can be read."""
    for name, find_fault in zip(CERTIFICATE_SETTINGS, (_fault_of_file, _fault_of_folders), strict=True):
        place = os.environ.get(name)
        if place and (fault := find_fault(place)):
            kind = "folder" if find_fault is _fault_of_folders else "file"
            raise EndpointError(
                f"Expected certificates at `{place}`, found {fault} - environment variable {name}",
                f"Name a {kind} of PEM certificates there, or unset {name}",
            )


def no_certificates() -> EndpointError:
    """Return the error of a machine, or of an environment, that trusts nobody."""
    named = " and ".join(name for name in CERTIFICATE_SETTINGS if os.environ.get(name))
    return EndpointError(
        f"Expected certificates of authorities to trust, found none {f'by {named}' if named else 'on this machine'}",
        "Install them (the package ca-certificates), or name a file of them: SSL_CERT_FILE=ca.pem"
        f"{f'; unset {named}' if named else ''}",
    )


def _fault_of_file(place: str) -> str:
    path = Path(place)
    if not os.access(path, os.R_OK):
        return "nothing readable"
    # A pipe or a device would be read for ever.
    if not path.is_file():
        return "a folder" if path.is_dir() else "what is no file"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with suppress(ssl.SSLError):
        context.load_verify_locations(path)
    return "" if context.cert_store_stats()["x509"] else "none in it"


def _fault_of_folders(places: str) -> str:
    folders = [Path(place) for place in places.split(os.pathsep)]
    is_there = any(folder.is_dir() and os.access(folder, os.R_OK) for folder in folders)
    return "" if is_there else "no readable folder"
