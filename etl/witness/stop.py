"""Says why an inquiry stopped before its end, and what to do about it. Pure."""

from etl.errors import Incomplete, KeyProblem
from etl.typed import type_command
from etl.witness.result_page import Problem, ProblemKind

__all__ = ["explain_stop"]


def explain_stop(problem: Problem) -> tuple[int, str, str]:
    """Return the exit code, the problem and the fix, for a person."""
    if problem.kind is ProblemKind.KEY_CANNOT_READ:
        return (
            KeyProblem.exit_code,
            f"Expected a key that can read, found one that can't ({problem.reason}): of the events nothing can be told",
            "Use an API integration key (INKEEPANALYTICS_API_INTEGRATION_KEY); web, Slack, Discord, Copilot and MCP "
            "keys only write",
        )
    return (
        Incomplete.exit_code,
        f"Expected an answer to every query, found: {problem.reason}; of the events that are left nothing can be told",
        f"Check the endpoint ({type_command('doctor')}), then run the same command again to go on",
    )
