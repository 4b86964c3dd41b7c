# Rendered by xenon_codegen from protos/release.toml. Change that file and render again; an edit made here is lost.
"""The xenon-grpc release that this package runs."""

from __future__ import annotations

from typing import Final

VERSION: Final[str] = "3.0.1"
XENON_VERSION: Final[str] = "3.0.4"
JAR: Final[str] = "xenon-grpc-3.0.1.jar"
JAR_SHA256: Final[str] = "8dbb2eb189ed2eb9bdd017ae05df2281d10cb615fea1ca7fc79f394bb309f629"
JAR_BYTES: Final[int] = 24076826
DISTRIBUTION: Final[str] = "pyxenon"
DISTRIBUTION_VERSION: Final[str] = "3.0.3"
DISTRIBUTION_SHA256: Final[str] = "6840771716974da68d69e5cc24e017698f8f9bcebcfaf3cb5da41555d5ec772b"
MEMBER: Final[str] = "lib/xenon-grpc-3.0.1.jar"
MINIMUM_JAVA: Final[int] = 11
