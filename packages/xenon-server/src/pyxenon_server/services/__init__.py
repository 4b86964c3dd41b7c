"""The services of the interface, thin: a request in, a call of an adaptor, an answer out."""
