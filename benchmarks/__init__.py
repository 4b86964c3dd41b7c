"""Measures this SDK side by side with a floor and a peer: ``python -m benchmarks`` in the root of the repository.

The floor is what a careful person would write by hand over grpcio and protobuf; the peer is pyxenon 3. Each contender is a process of its
own (:mod:`benchmarks.workers`), all talk to the same server, and they take turns round by round, so that what else the machine does falls
on all of them alike.
"""
