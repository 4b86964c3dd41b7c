"""Modules that all schedulers share: checks of job descriptions, running programs, and file systems."""
