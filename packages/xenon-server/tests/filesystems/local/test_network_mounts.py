"""Which directories another machine has to be asked about."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyxenon_server.filesystems.local.network_mounts import is_far, mounts_in

TABLE = r"""22 27 0:21 / /proc rw,nosuid - proc proc rw
27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 27 0:35 / /home rw,relatime shared:20 - nfs4 server:/home rw,vers=4.2
41 27 0:36 / /work\040space/a\134b rw - lustre mgs@tcp:/work rw
42 27 0:37 / /mnt/me rw,nosuid shared:9 master:1 - fuse.sshfs me@host:/ rw
43 27 0:38 / /tmp rw - tmpfs tmpfs rw
"""


def test_what_a_table_says(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(TABLE)
    assert mounts_in(table) == ("/home", "/work space/a\\b", "/mnt/me")


def test_everything_is_far_when_nothing_is_known(tmp_path: Path) -> None:
    mounts = mounts_in(tmp_path / "missing")
    assert mounts == ("/",) and is_far("/anything", mounts) and is_far("/", mounts)


@pytest.mark.parametrize(("path", "far"), [("/home", True), ("/home/me", True), ("/homes", False), ("/", False), ("/etc", False)])
def test_what_is_far(path: str, far: bool) -> None:
    assert is_far(path, ("/home",)) is far
