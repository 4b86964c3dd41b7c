"""The target ``java:``: find, download, verify, run and stop the xenon-grpc server."""

from __future__ import annotations

from pyxenon_java.errors import JarChecksumError, JarFetchError, JavaNotFoundError, PortTakenError
from pyxenon_java.java import find_java
from pyxenon_java.process import ServerProcess, start_server, stop_server
from pyxenon_java.release import PINNED, Release, find_jar
from pyxenon_java.target import open_target

__all__ = [
    "PINNED",
    "JarChecksumError",
    "JarFetchError",
    "JavaNotFoundError",
    "PortTakenError",
    "Release",
    "ServerProcess",
    "find_jar",
    "find_java",
    "open_target",
    "start_server",
    "stop_server",
]
