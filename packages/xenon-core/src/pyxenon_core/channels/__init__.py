"""Channels to a server: gRPC from an event loop or from any thread, HTTP/2 for file contents, or direct calls in this process."""
