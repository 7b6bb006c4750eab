"""The values that stages hand on, and the results that commands tell. No I/O."""
