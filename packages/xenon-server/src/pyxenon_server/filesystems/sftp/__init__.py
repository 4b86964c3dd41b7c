"""The adaptor ``sftp``: files on another machine, over SFTP."""
