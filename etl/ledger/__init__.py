"""The ledger of a job: what is staged, delivered and refused, durable at every instant."""
