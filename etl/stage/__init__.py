"""Turns rows into a load on disk: parts of events and of rejects."""
