"""Reads a row's own time, in whatever form a file has it."""
