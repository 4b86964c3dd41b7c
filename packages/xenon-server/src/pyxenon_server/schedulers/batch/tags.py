"""Random words: tags, by which jobs are found again, and tokens, which delimit the output of commands."""

from __future__ import annotations

import secrets

__all__ = ["TAG_PREFIX", "new_tag", "new_token"]

TAG_PREFIX = "xenon:"


def new_tag() -> str:
    """Return a new, unique tag."""
    return f"{TAG_PREFIX}{secrets.token_hex(10)}"


def new_token() -> str:
    """Return a random word, so that nobody can have used it in a job's name; it begins with a letter."""
    return f"x{secrets.token_hex(12)}"
