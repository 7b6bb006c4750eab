"""Decides which rows become a load, and stages them: new rows, windows of time, mended rejects."""
