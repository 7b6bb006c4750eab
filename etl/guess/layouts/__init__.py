"""Derives how times are written from the texts themselves."""
