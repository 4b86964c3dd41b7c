"""Checks of job descriptions, shared by all schedulers."""
