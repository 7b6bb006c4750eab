"""Looks at everything that a run rests on and says how to mend what is wrong: `backfill doctor`."""
