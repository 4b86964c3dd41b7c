"""Copies between any two file systems."""
