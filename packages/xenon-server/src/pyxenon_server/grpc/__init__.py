"""Serve over gRPC: sockets, TLS, handlers, health, reflection, and errors on the wire."""
