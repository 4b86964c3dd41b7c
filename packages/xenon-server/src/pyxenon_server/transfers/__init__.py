"""Copies between file systems."""
