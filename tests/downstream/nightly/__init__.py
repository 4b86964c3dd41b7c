"""A small program that stands for those of our users: it must type-check, strictly, against the installed packages, and run."""

from __future__ import annotations

from nightly.overview import Overview, survey
from nightly.reduction import Reduction, credentials, forget, reduce_remotely, run_job

__all__ = ["Overview", "Reduction", "credentials", "forget", "reduce_remotely", "run_job", "survey"]
