"""One run of a job: stage, send, settle, report."""
