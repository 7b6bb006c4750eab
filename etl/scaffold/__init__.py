"""The first steps with a file: a job made for it (`backfill init`), its rows beside their events (`backfill
preview`).
"""
