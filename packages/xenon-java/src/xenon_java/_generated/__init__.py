"""Modules rendered from the pin of the xenon-grpc release."""
