"""The adaptor ``file``: files of this machine."""
