"""The contract of a file system, held over SFTP on OpenSSH."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from file_contract import check_delete_tree
from pyxenon_server.filesystems.sftp.filesystem import SftpFileSystem

OpenSftp = Callable[..., AbstractAsyncContextManager[SftpFileSystem]]


async def test_a_tree_is_deleted_and_links_are_not_followed(open_sftp: OpenSftp, folder: str) -> None:
    async with open_sftp() as files:
        await check_delete_tree(files, folder)
