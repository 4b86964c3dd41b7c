"""Side-by-side measurements of this SDK: ``python -m benchmarks`` in the root of the repository.

A :class:`~benchmarks.measure.Trial` is a task that contenders do in turns, round by round, so that what else the machine does falls on all
of them alike. Each contender is a process of its own (:mod:`benchmarks.workers`). A :class:`~benchmarks.measure.Measure` is a number that
is read off a trial, with what is wanted of it. The trials are declared in ``clients.py``, ``embedded.py``, ``hosts.py`` and
``containers.py``.
"""
