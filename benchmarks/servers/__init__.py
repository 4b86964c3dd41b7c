"""Measures the server in this process side by side with what people would use instead of it.

That is the Java server, plain Python on local files, OpenSSH's ``sftp`` on the same host, and a loop of ``sbatch`` in a shell on the
cluster. They take turns round by round, as everywhere in :mod:`benchmarks`.
"""
