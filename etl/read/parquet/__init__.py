"""Reads Parquet: a few megabytes at a time, every type as what it is."""
