"""The progress messages of the commands, on standard error."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

__all__ = ["Steps"]


class Steps:
    """Prints each step with the seconds since the start and, on a terminal, shows a spinner."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (SpinnerColumn(), TextColumn("[dim]{task.description}"), TimeElapsedColumn())
        self._spinner = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._began = time.monotonic()

    def __enter__(self) -> Steps:
        self._spinner.add_task("working", total=None)
        self._spinner.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._spinner.stop()

    def __call__(self, text: str) -> None:
        """Print that the step *text* begins or is done."""
        self._console.print(f"{time.monotonic() - self._began:6.1f} s  {text}", markup=False)
