"""Words that are drawn at random: tags, by which jobs are found again, and tokens, which mark places in what a command prints."""

from __future__ import annotations

import secrets

__all__ = ["TAG_PREFIX", "new_tag", "new_token"]

TAG_PREFIX = "xenon:"


def new_tag() -> str:
    """Return a tag that no other job has."""
    return f"{TAG_PREFIX}{secrets.token_hex(10)}"


def new_token() -> str:
    """Return a word that nobody can have known when naming a job; it begins with a letter."""
    return f"x{secrets.token_hex(12)}"
