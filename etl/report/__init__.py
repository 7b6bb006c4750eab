"""Says what happened, for a person and for programs."""
