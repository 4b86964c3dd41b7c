"""Renders every generated file of PyXenon from ``protos/`` and ``templates/``."""
