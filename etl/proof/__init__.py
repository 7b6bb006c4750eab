"""Proves a load: verifies what was delivered, sends what is missing again, writes receipts."""
