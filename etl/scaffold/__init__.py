"""The first steps with a file: `backfill init` writes a job for it, `backfill preview` shows its events."""
