"""What the first use of the server in this process has to import, which every program waits for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import asyncio, json, sys
import pyxenon_core, pyxenon_server.embedded

async def work(folder):
    async with await pyxenon_core.connect("embedded:") as client:
        files = await client.filesystems.create("file", folder)
        await files.write_to_file("a", b"content")
        assert [piece async for piece in files.read_from_file("a")] == [b"content"]
        await files.wait_until_done(await files.copy("a", files, "b"))
        assert [entry.size async for entry in files.list(".")] == [7, 7]
        await files.rename("b", "c")
        await files.delete("c")

asyncio.run(work(sys.argv[1]))
print(json.dumps(sorted(sys.modules)))
"""


def test_files_need_neither_ssh_nor_grpc_nor_a_codec(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], check=True, capture_output=True, text=True, timeout=60)
    imported = set(json.loads(ran.stdout))
    assert "pyxenon_server.filesystems.local.filesystem" in imported
    assert not {"asyncssh", "cryptography", "grpc", "google.protobuf", "pyxenon_core._generated.codec"} & imported
    assert not {"pyxenon_server.ssh", "pyxenon_server.filesystems.sftp.filesystem"} & imported
