"""Tests of `etl.send`, and the servers on loopback that they need."""
