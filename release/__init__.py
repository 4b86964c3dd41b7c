"""Building what is published, and trying it: ``python -m release``, which ``make release`` runs."""
