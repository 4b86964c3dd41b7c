"""The adaptors of schedulers, and what they share."""
