"""Reads source files: from bytes to frames of raw columns, and the records that are none."""
