"""Rows to events or rejects, as expressions over whole columns. The rule: a row's fate depends on that row alone."""
