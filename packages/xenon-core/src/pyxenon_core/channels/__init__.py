"""Ways to a server: over gRPC from an event loop or from any thread, over HTTP/2 for the contents of files, or inside this process."""
