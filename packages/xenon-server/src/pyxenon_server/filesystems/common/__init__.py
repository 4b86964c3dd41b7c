"""Names and paths, shared by all file systems."""
