"""Tells whom the job's `[notify]` names: a webhook of what went wrong, a heartbeat of every run.

Rule: returns what couldn't be told; never raises, never repeats an address.
"""

from collections.abc import Callable, Mapping

from etl.job.model import NotifySpec
from etl.values.outcome import Outcome
from etl.watch.notice import Heartbeat, History, choose_heartbeat, decide_notices, webhook_payload
from etl.watch.post import post_heartbeat, post_json

__all__ = ["notify_end", "notify_start"]

Warn = Callable[[str, str], None]


def notify_start(spec: NotifySpec, environ: Mapping[str, str], warn: Warn) -> None:
    """Tell the heartbeat that a run begins; `warn(event, reason)` takes what couldn't be told."""
    _beat(spec, environ, "start", warn)


def notify_end(
    spec: NotifySpec,
    outcome: Outcome,
    history: History,
    environ: Mapping[str, str],
    warn: Warn,
    *,
    now: float,
) -> None:
    """Tell the webhook what a person should know of `outcome`, and the heartbeat how the run ended."""
    notices = decide_notices(spec, outcome, history, now)
    if notices and spec.webhook_env is not None:
        address = environ.get(spec.webhook_env, "")
        problem = post_json(address, webhook_payload(notices)) if address else "is not set"
        _warn_of(warn, "webhook", spec.webhook_env, problem)
    if (beat := choose_heartbeat(outcome)) is not None:
        _beat(spec, environ, beat, warn)


def _beat(spec: NotifySpec, environ: Mapping[str, str], beat: Heartbeat, warn: Warn) -> None:
    if spec.heartbeat_env is not None:
        address = environ.get(spec.heartbeat_env, "")
        problem = post_heartbeat(address, beat) if address else "is not set"
        _warn_of(warn, "heartbeat", spec.heartbeat_env, problem)


def _warn_of(warn: Warn, kind: str, variable: str, problem: str) -> None:
    if problem:
        warn("notice_failed", f"{kind} ({variable}): {problem}")
