"""The adaptors of file systems."""
