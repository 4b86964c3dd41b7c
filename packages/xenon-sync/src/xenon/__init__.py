"""PyXenon: files and jobs anywhere, through one interface.

::

    import xenon

    with xenon.init():
        with xenon.Scheduler.create("local") as scheduler:
            job = scheduler.submit_batch_job(xenon.JobDescription(executable="hostname"))
            print(scheduler.wait_until_done(job).exit_code)

The code is in the package ``pyxenon``; this one hands on its names.
"""

from __future__ import annotations

import pyxenon as _pyxenon
from pyxenon import *  # noqa: F403 - the list is that module's own; see its __all__

# Importing this module after the star makes ``xenon.exceptions`` the module of that name, whatever a program imports first.
from xenon.exceptions import XenonError as XenonError

__all__: list[str] = []
__all__ += _pyxenon.__all__
