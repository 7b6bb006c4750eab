"""Issues the receipts of a job's loads: what each delivered, as documents in the state folder that form a chain."""
