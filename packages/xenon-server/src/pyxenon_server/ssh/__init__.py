"""SSH: host key checks, authentication and shared connections."""
