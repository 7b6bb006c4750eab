"""Certificates for tests, made by the openssl command."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    """A server's TLS context, and the file of the authority that signed its certificate."""

    authority_file: Path
    context: ssl.SSLContext


def make_certificate(folder: Path, names: str = "IP:127.0.0.1,DNS:localhost", days: int = 2) -> Certificate:
    """Return a fresh certificate for `names`, by an authority of its own; with -1 days it has expired."""
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    (folder / "extensions").write_text(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n")
    for arguments in (
        [
            "req",
            "-x509",
            *new_key,
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=authority",
            "-days",
            "2",
        ],
        ["req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server"],
        [
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            str(days),
            "-extfile",
            "extensions",
            "-out",
            "server.pem",
        ],
    ):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return Certificate(folder / "ca.pem", context)
