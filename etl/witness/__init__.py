"""Asks the destination for events by id, and compares what it shows with what was sent. What no answer proves is called
unknown.
"""
