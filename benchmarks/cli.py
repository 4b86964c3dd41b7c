"""The command line."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks import environment, report
from benchmarks.contenders import FLOOR, PEER, ROOT, SDK, SDK_ASYNC, Contender, ContenderError, Worker
from benchmarks.ground import Ground, GroundError, prepare
from benchmarks.measures import MEASURES, Run
from benchmarks.peer_environment import find_peer
from benchmarks.results import Results
from benchmarks.scale import FULL, QUICK
from benchmarks.servers import ground as servers_ground
from benchmarks.servers import scale as servers_scale
from benchmarks.servers.measures import MEASURES as SERVER_MEASURES
from benchmarks.servers.targets import LINES
from benchmarks.servers.targets import judge as judge_servers
from benchmarks.servers.turns import Run as ServersRun
from benchmarks.targets import judge
from pyxenon_core.errors import ServerStartError

__all__ = ["main"]

_PAGE = ROOT / "docs" / "performance.md"
_NEEDED = {"import", "first-call", "exists", "list", "read", "write", "read-memory", "write-memory", "jobs"}
_NEEDED_OF_SERVERS = set(LINES)
_CLIENT, _EMBEDDED = "client", "embedded"
_GROUPS = {_CLIENT: set(MEASURES), _EMBEDDED: set(SERVER_MEASURES)}
_ENDING = (signal.SIGINT, signal.SIGTERM)
_MISSED, _CANNOT, _INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, or tell earlier results again; returns 0, 1 when a target is missed in a full run, or 2 when nothing can be measured."""
    for number in _ENDING:
        signal.signal(number, _end)
    options = _parse(arguments)
    try:
        results = _load(options.again) if options.again else _measure(options)
    except (GroundError, ServerStartError, ContenderError) as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return _CANNOT
    except KeyboardInterrupt:
        print("interrupted; all that was started and made has been removed", file=sys.stderr)
        return _INTERRUPTED
    if options.write_docs and (results.quick or set(results.measures) < _NEEDED or set(results.servers) < _NEEDED_OF_SERVERS):
        print("cannot write the page: these are not the results of a full run of all measures", file=sys.stderr)
        return _CANNOT
    _tell(results, options)
    verdicts = [*judge(results), *judge_servers(results.servers.values())]
    missed = not results.quick and any(verdict.met is False for verdict in verdicts)
    return _MISSED if missed else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures this SDK side by side with a floor (grpcio and protobuf by hand) and a peer (pyxenon 3), on one server; and "
        "the server in this process side by side with the Java server, OpenSSH and shell commands, on hosts in Docker.",
        epilog="Files go to a temporary folder (TMPDIR), about 3 GiB. The exit status is 1 when a full run misses a target.",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: shows that it works, and measures nothing")
    names = (*_GROUPS, *MEASURES, *SERVER_MEASURES)
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"{_CLIENT} or {_EMBEDDED} for all measures of the clients, or of the server in this process; or one of "
        f"{', '.join(names[len(_GROUPS) :])}; repeatable",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results, with all rounds, to FILE")
    parser.add_argument("--write-docs", action="store_true", help="write docs/performance.md; takes a full run of all measures")
    parser.add_argument("--again", type=Path, metavar="FILE", help="measure nothing: tell the results in FILE, which --json wrote")
    parser.add_argument("--peer-python", type=Path, metavar="PATH", help="the interpreter for pyxenon 3, best a Python 3.10")
    options = parser.parse_args(arguments)
    if options.write_docs and (options.quick or options.only):
        parser.error("--write-docs takes a full run: leave out --quick and --only")
    return options


def _measure(options: argparse.Namespace) -> Results:
    chosen = set(options.only or _GROUPS)
    for group, names in _GROUPS.items():
        if group in chosen:
            chosen |= names
    made = dt.datetime.now(dt.UTC).date().isoformat()
    results = Results(made, options.quick, (QUICK if options.quick else FULL).file_mib, environment.describe({}))
    if chosen & set(MEASURES):
        _measure_clients(results, chosen, options.peer_python)
    if chosen & set(SERVER_MEASURES):
        _measure_servers(results, chosen)
    return results


def _measure_clients(results: Results, chosen: set[str], peer_python: Path | None) -> None:
    scale = QUICK if results.quick else FULL
    with prepare(scale) as ground:
        contenders, versions = _contenders(ground, peer_python)
        results.environment = environment.describe(versions)
        run = Run(scale, ground, contenders, _say)
        for name, take in MEASURES.items():
            if name in chosen:
                results.measures.update((measure.name, measure) for measure in take(run))


def _measure_servers(results: Results, chosen: set[str]) -> None:
    scale = servers_scale.QUICK if results.quick else servers_scale.FULL
    with servers_ground.prepare(scale) as ground:
        run = ServersRun(scale, ground, _say)
        for name, take in SERVER_MEASURES.items():
            if name in chosen:
                results.servers.update((measure.name, measure) for measure in take(run))


def _say(line: str) -> None:
    print(line, flush=True)


def _contenders(ground: Ground, peer_python: Path | None) -> tuple[list[Contender], dict[str, dict[str, str]]]:
    """Who takes part, and what each runs on. Only the peer may be missing."""
    contenders: list[Contender] = []
    versions: dict[str, dict[str, str]] = {}
    for contender in (Contender(SDK), Contender(SDK_ASYNC), Contender(FLOOR), find_peer(ground.folder, peer_python)):
        found = contender
        if not contender.missing:
            try:
                with Worker(contender, ground) as worker:
                    versions[contender.name] = worker.versions
            except ContenderError as error:
                if contender.name != PEER:
                    raise ContenderError(f"{contender.name}: {error}") from error
                found = Contender(PEER, missing=str(error))
        contenders.append(found)
    return contenders, versions


def _tell(results: Results, options: argparse.Namespace) -> None:
    print(report.terminal(results))
    if results.quick:
        print("This was a quick run: the numbers say that it works, and nothing else.")
    if options.json:
        options.json.write_text(json.dumps(results.as_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.write_docs:
        _PAGE.write_text(report.page(results), encoding="utf-8")
        print(f"wrote {_PAGE.relative_to(ROOT)}")


def _load(path: Path) -> Results:
    try:
        return Results.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        raise GroundError(f"{path} holds no results of a run: {type(error).__name__}: {error}") from error


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """Being told to end is like Ctrl-C: everything is cleaned up. Being told again does not stop the cleaning, which takes some seconds."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
