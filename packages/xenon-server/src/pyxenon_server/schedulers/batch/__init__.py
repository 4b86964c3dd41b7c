"""The parts that all batch systems share: submitting, looking up, polling, cancelling, interactive jobs, and the interface of a dialect."""
