"""Building what is published."""
