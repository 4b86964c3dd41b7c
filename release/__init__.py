"""Build the distributions and try them: ``python -m release``, which ``make release`` runs."""
