"""Archives of files: which of their members a job reads, and those members unpacked into the state folder."""
