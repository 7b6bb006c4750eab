"""Reads JSON documents: one value a file, with the list that holds the rows somewhere in it."""
