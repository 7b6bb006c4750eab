"""How the sample files are made: one module a job, and what they share. `generate.py` runs them."""
