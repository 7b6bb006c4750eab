"""Tells whether a host is this machine. Rule: plain http goes nowhere else."""

import ipaddress

__all__ = ["is_loopback"]


def is_loopback(host: str | None) -> bool:
    """Return whether `host` is `localhost` or a loopback address; no name is looked up."""
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
