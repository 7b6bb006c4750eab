"""Keeps README.md and the pages of docs/ true: what they print, what they list, where their links lead."""
