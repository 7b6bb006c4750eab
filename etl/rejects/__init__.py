"""What is known of rejects: their causes, their fixes, the report, and its trip through a spreadsheet."""
