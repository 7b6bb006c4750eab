"""Reads CSV and TSV: each chunk proved clean and read whole, or cut record by record."""
