"""Lets only requests in that name this machine: a page of the web can point a name of its own at it (DNS rebinding).

Rule: decides on the Host header alone, before the app sees the request.
"""

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from etl.network import is_loopback
from etl.sandbox.answers import problem

__all__ = ["OnlyLoopback", "names_loopback"]


def names_loopback(host: str) -> bool:
    """Return whether a Host header names this machine."""
    try:
        return is_loopback(urlsplit(f"//{host}").hostname)
    except ValueError:
        return False


class OnlyLoopback:
    """An ASGI app that answers 403 where the request is for another host."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the app answer."""
        host = next((value for name, value in scope["headers"] if name == b"host"), None)
        if host is not None and host not in self._known:
            if not names_loopback(host.decode("latin-1")):
                detail = (
                    "The sandbox answers requests to this machine alone: use 127.0.0.1, [::1] or localhost"
                )
                answer = problem(403, detail, scope["path"], "sandbox-0", [(b"connection", b"close")])
                await send(
                    {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
                )
                await send({"type": "http.response.body", "body": answer.body})
                return
            if len(self._known) < 16:
                self._known.add(host)
        await self._app(scope, receive, send)
