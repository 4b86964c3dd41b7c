"""The contract of an adaptor: the base classes, what an adaptor declares, and the catalogue of those that are installed."""
