"""The job file: its values, how it is read, and how what is wrong with it is told."""
