"""Proves a load: verifies what was delivered, sends what is missing again, checks what a receipt claims."""
