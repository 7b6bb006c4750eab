"""A stand-in for the events API: a real HTTP server on loopback, with faults on request.

It knows the contract (`insert_event.schema.json`) and nothing of the client's own models, so that a mistake
both sides would share shows. `etl.sandbox.process` starts one as a child process.
"""
