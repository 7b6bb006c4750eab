"""Reads Excel and OpenDocument workbooks: a sheet as rows of text, as a person sees its cells."""
