"""The services of the interface, a thin layer: each request becomes a call of an adaptor, whose result becomes the answer."""
