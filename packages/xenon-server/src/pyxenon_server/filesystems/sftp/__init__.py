"""The adaptor ``sftp``: files of a host, over SFTP."""
