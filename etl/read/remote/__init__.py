"""Reads sources that are not on this machine: buckets and web servers."""
