"""Guesses a job from a sample of a file: dialect, types, times, mapping. Pure: bytes and frames in, values out."""
