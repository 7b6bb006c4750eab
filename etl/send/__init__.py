"""Sends staged events, one a request: as fast as the destination allows, never faster.

Rule: `verdict`, `hints`, `pacing`, `backoff`, `concurrency` and `breaker` decide and never wait; `gate` and
`sender` wait and never decide; only the transports touch the network.
"""
