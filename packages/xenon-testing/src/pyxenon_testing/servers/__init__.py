"""The servers: what each is, how it is started, and when it is ready."""
