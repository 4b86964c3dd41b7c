"""The scheduler adaptor ``slurm``."""

from __future__ import annotations

from dataclasses import replace

from typing_extensions import override

from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.properties import boolean
from pyxenon_server.schedulers.batch.dialect import Dialect
from pyxenon_server.schedulers.batch.scheduler import BatchScheduler, poll_delay, shell_properties
from pyxenon_server.schedulers.slurm.dialect import SlurmDialect

__all__ = ["SlurmScheduler"]

_WITHOUT_ACCOUNTING = boolean(
    "xenon.adaptors.schedulers.slurm.disable.accounting.usage", False, "Do not use the accounting, as if the cluster had none."
)
_POLL_DELAY = poll_delay(SlurmDialect.name)


class SlurmScheduler(BatchScheduler):
    """A Slurm cluster, used through its commands."""

    name = SlurmDialect.name
    description = "Slurm from 20.11 on, with or without accounting, through its commands on this machine or over SSH."
    properties = (_WITHOUT_ACCOUNTING, _POLL_DELAY, *shell_properties(SlurmDialect.title))
    supports_interactive = True
    dialect = SlurmDialect()
    delay = _POLL_DELAY

    @classmethod
    @override
    def adapted(cls, dialect: Dialect, request: OpenRequest) -> Dialect:
        if request.properties[_WITHOUT_ACCOUNTING]:
            return SlurmDialect(replace(dialect.site, has_history=False))
        return dialect
