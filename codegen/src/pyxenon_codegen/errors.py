"""The error of the code generator."""

from __future__ import annotations


class CodegenError(Exception):
    """Something in ``protos/`` or ``templates/`` cannot be turned into code; the message names it and what to change."""
