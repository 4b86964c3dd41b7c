"""Code shared by all file systems: names, paths, permissions and threads."""
