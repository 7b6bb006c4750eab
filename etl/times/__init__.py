"""Reads texts as instants, in whatever way a file writes them."""
