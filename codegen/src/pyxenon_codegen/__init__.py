"""Renders every generated file of PyXenon from ``protos/`` and ``templates/``."""

__version__ = "4.0.0.dev0"
