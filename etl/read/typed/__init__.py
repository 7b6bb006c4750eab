"""Reads Avro and Arrow files, whose columns have types, as Parquet's have."""
