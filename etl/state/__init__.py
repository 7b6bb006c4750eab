"""What a job has on disk, and what can be told from it."""
