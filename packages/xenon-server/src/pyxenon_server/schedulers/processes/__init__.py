"""The adaptors ``local`` and ``ssh``: jobs as processes of a machine without a batch system."""
