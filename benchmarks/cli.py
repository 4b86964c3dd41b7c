"""The command line."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import functools
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import NoReturn

import xenon
from benchmarks import machine, report
from benchmarks.containers import CONTAINERS
from benchmarks.contenders import contenders, other_checkout
from benchmarks.ground import FULL, QUICK, GroundError, prepare
from benchmarks.measure import Measure, Results, Trial
from benchmarks.processes import ROOT, ContenderError
from benchmarks.trials import CLIENTS, EMBEDDED
from benchmarks.turns import Turns

__all__ = ["GROUPS", "main", "measures_of", "why_no_page"]

PAGE = ROOT / "docs" / "performance.md"
GROUPS: dict[str, tuple[Trial, ...]] = {"embedded": EMBEDDED, "clients": CLIENTS, "containers": CONTAINERS}
_ON_THE_PAGE = ("embedded", "clients")
_say = functools.partial(print, flush=True)
_ENDING = (signal.SIGINT, signal.SIGTERM)
_MISSED, _CANNOT, _INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, or show earlier results; return 1 when a target is missed or a measure is worse, 2 when it fails."""
    for number in _ENDING:
        signal.signal(number, _end)
    options = _parse(arguments)
    try:
        results = _load(options.again) if options.again else _measure(options)
    except (GroundError, ContenderError, xenon.XenonError) as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return _CANNOT
    except KeyboardInterrupt:
        print("interrupted; everything that was started or created has been removed", file=sys.stderr)
        return _INTERRUPTED
    _tell(results, options.json)
    if options.write_docs:
        if reasons := why_no_page(results):
            print(f"cannot write {PAGE.relative_to(ROOT)}: {'; '.join(reasons)}", file=sys.stderr)
            return _CANNOT
        PAGE.write_text(report.page(results, {name: measures_of(results, name) for name in _ON_THE_PAGE}), encoding="utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}")
    return _MISSED if not results.quick and report.failures(results, measures_of(results)) else 0


def why_no_page(results: Results) -> list[str]:
    """Return the reasons why *results* cannot become the page; none for a full run on a quiet machine."""
    missing = [measure.name for name in _ON_THE_PAGE for measure in measures_of(results, name) if measure.name not in results.found]
    reasons = ["these are not the results of a full run of all measures"] if missing or results.quick or results.base else []
    return reasons + machine.why_busy(results.load, results.calibration)


def measures_of(results: Results, *groups: str) -> list[Measure]:
    """Return the measures of *groups* with the sizes and pairs of this run."""
    trials = [trial for name in groups or GROUPS for trial in GROUPS[name]]
    sizes = vars(QUICK if results.quick else FULL)
    measures = [measure for trial in trials for measure in (trial.beside() if results.base else trial).measures]
    return [dataclasses.replace(measure, title=measure.title.format(**sizes)) for measure in measures]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures this SDK side by side with hand-written stubs, pyxenon 3, the Java server, plain Python, OpenSSH and shell "
        "commands; or this checkout beside another.",
        epilog="Temporary files (in TMPDIR) take about 4 GiB. The exit status is 1 when a full run misses a target or is worse.",
    )
    names = [*GROUPS, *(trial.measure.name for group in GROUPS.values() for trial in group)]
    parser.add_argument(
        "--quick", action="store_true", help="use small sizes and few rounds: a test of the benchmarks; the numbers mean nothing"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"run a group or a measure: {', '.join(names)}; repeatable (default: {', '.join(_ON_THE_PAGE)})",
    )
    parser.add_argument(
        "--beside",
        metavar="REV",
        help="measure this checkout beside a worktree of REV, and list what is worse",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results, with all rounds, to FILE")
    parser.add_argument("--write-docs", action="store_true", help="write docs/performance.md; requires a full run on a quiet machine")
    parser.add_argument("--again", type=Path, metavar="FILE", help="measure nothing; show the results in FILE, which --json wrote")
    options = parser.parse_args(arguments)
    if options.write_docs and (options.quick or options.only or options.beside):
        parser.error("--write-docs requires a full run: omit --quick, --only and --beside")
    return options


def _measure(options: argparse.Namespace) -> Results:
    results = Results(dt.datetime.now(dt.UTC).date().isoformat(), options.quick)
    chosen = set(options.only or _ON_THE_PAGE)
    trials = [trial for name, group in GROUPS.items() for trial in group if {name, trial.measure.name} & chosen]
    with ExitStack() as stack:
        python = None
        if options.beside:
            results.base, python = stack.enter_context(other_checkout(options.beside))
            trials = [trial.beside() for trial in trials if trial not in CONTAINERS]
        results.load = machine.wait_until_quiet(_say) if not options.quick else machine.one_minute_load()
        if options.write_docs and results.load > machine.QUIET:
            raise GroundError("; ".join(machine.why_busy(results.load, [])))
        results.calibration.append(machine.calibrate())
        _say(f"one-minute load {results.load:.2f}, calibration {results.calibration[0]:.1f} ms")
        ground = stack.enter_context(prepare(QUICK if options.quick else FULL))
        who = contenders(ground.folder, any("peer" in trial.contenders for trial in trials), python)
        for trial in trials:
            results.found.update(Turns(ground, trial, who, _say).take())
            results.calibration.append(machine.calibrate())
        results.environment = {**machine.describe(), "contenders": ground.versions}
    return results


def _tell(results: Results, file: Path | None) -> None:
    print(report.terminal(results, measures_of(results)))
    if results.quick:
        print("This was a quick run: it shows that the benchmarks work; the numbers mean nothing.")
    if file:
        file.write_text(json.dumps(dataclasses.asdict(results), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _load(path: Path) -> Results:
    try:
        return Results.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GroundError(f"cannot read results from {path}: {type(error).__name__}: {error}") from error


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """Clean up on SIGTERM as on Ctrl-C. A second signal does not stop the cleanup, which takes some seconds."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
