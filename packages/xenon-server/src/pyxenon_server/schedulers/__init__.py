"""The scheduler adaptors and their shared modules."""
