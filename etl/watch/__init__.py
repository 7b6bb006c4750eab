"""Tells what a run does to whoever isn't there: logs, metrics, traces, notices. Nothing here ever fails a run."""
