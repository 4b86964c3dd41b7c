"""What the suite in ``tests/conformance`` stands on: the servers, the machines behind the adaptors, and what a refusal must say."""
