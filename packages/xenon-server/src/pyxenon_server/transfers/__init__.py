"""Copies and trees, between any two file systems."""
