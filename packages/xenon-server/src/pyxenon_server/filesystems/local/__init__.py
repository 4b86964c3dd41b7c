"""The adaptor ``file``: files on this machine."""
