"""Shells: run scripts on this machine, or on another one over SSH."""
