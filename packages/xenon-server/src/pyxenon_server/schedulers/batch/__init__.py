"""What every batch system needs, once: submitting, finding, asking, waiting, cancelling; a dialect says it in the system's own words."""
