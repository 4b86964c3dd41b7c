"""Side-by-side measurements of this SDK: ``python -m benchmarks`` in the root of the repository.

A :class:`~benchmarks.measure.Trial` is a task that contenders do in turns, round by round, so that other load on the machine affects all of
them alike. Each contender is a process of its own (:mod:`benchmarks.workers`). A :class:`~benchmarks.measure.Measure` is a number that is
read off a trial, with its targets. The trials are declared in ``trials.py`` and ``containers.py``.
"""
