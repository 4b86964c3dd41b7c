"""What every program waits for: the imports of ``import xenon`` and of the first call."""

from __future__ import annotations

import json
import subprocess
import sys

PRINT = "import json, sys; print(json.dumps(sorted(sys.modules)))"
CODEC = "pyxenon_core._generated.codec"


def _loaded(program: str) -> set[str]:
    """The modules that a fresh interpreter has loaded at the end of *program*."""
    ran = subprocess.run([sys.executable, "-c", f"{program}\n{PRINT}"], check=True, capture_output=True, text=True, timeout=60)
    return set(json.loads(ran.stdout))


def test_importing_xenon_loads_no_codec_no_grpc_and_no_metadata_of_distributions() -> None:
    loaded = _loaded("import xenon")
    assert "pyxenon_core.filesystem" in loaded
    assert not {CODEC, "importlib.metadata", "email", "zipfile", "grpc", "h2", "google.protobuf", "pyxenon_server"} & loaded


def test_the_first_answer_in_this_process_needs_no_codec_no_grpc_and_no_ssh() -> None:
    loaded = _loaded("import xenon\nwith xenon.init(target='embedded:'):\n    assert xenon.FileSystem.create('file').exists('/')")
    assert "pyxenon_server.filesystems.local.filesystem" in loaded
    assert not {CODEC, "grpc", "h2", "google.protobuf", "asyncssh", "cryptography", "pyxenon_server.grpc"} & loaded
