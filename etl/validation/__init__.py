"""The dry run: every row read and checked, nothing staged, nothing sent."""
