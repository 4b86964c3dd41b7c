"""The framework of the measurements: its arithmetic, its turns, and when it refuses to write the page. Nothing here is timed."""

from __future__ import annotations

import dataclasses
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from benchmarks import cli, machine, report
from benchmarks.contenders import Contender
from benchmarks.ground import FULL, Ground
from benchmarks.measure import Answer, Doer, Found, Measure, Results, Trial, verdicts, worse
from benchmarks.processes import ContenderError
from benchmarks.turns import Turns

SPEED = Measure("speed", "reading", "MiB/s", (("embedded", "openssh"),))
TIME = Measure("time", "listing", "ms", (("embedded", "plain"),))
ENVIRONMENT = {"system": "Linux", "cpus": 2, "memory_gib": 4, "java": "17", "xenon-grpc": "3", "openssh": "9", "hosts": "Debian"}
TARGETS = {"embedded": 22, "clients": 7}


def found(**rounds: list[float]) -> Found:
    return Found({name.replace("_base", "@base"): numbers for name, numbers in rounds.items()})


def test_a_ratio_compares_the_rounds_and_not_the_medians() -> None:
    ratio = found(embedded=[10.0, 30.0, 20.0], plain=[10.0, 10.0, 5.0]).ratio("embedded", "plain")
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high) == (3.0, 1.0, 4.0)


@pytest.mark.parametrize(
    ("measure", "numbers", "expected"),
    [
        (dataclasses.replace(SPEED, faster=2), found(embedded=[20.0], openssh=[10.0]), True),
        (dataclasses.replace(SPEED, faster=2), found(embedded=[19.0], openssh=[10.0]), False),
        (dataclasses.replace(TIME, faster=2), found(embedded=[10.0], plain=[20.0]), True),
        (dataclasses.replace(TIME, faster=2), found(embedded=[11.0], plain=[20.0]), False),
        (dataclasses.replace(TIME, longest=1.5), found(embedded=[15.0], plain=[10.0]), True),
        (dataclasses.replace(TIME, longest=1.5), found(embedded=[16.0], plain=[10.0]), False),
        (dataclasses.replace(TIME, longest=1.5, plus=60), found(embedded=[75.0], plain=[10.0]), True),
        (dataclasses.replace(TIME, longest=1.5, plus=60), found(embedded=[76.0], plain=[10.0]), False),
        (dataclasses.replace(TIME, most=100), found(embedded=[90.0, 100.0, 900.0]), True),
        (dataclasses.replace(TIME, most=100), found(embedded=[90.0, 101.0, 101.0]), False),
        (dataclasses.replace(TIME, faster=2), found(plain=[20.0]), None),
        (dataclasses.replace(TIME, most=100), found(), None),
    ],
)
def test_a_target_is_met_or_missed_or_not_measured(measure: Measure, numbers: Found, expected: bool | None) -> None:
    assert [verdict.met for verdict in verdicts(measure, numbers)] == [expected]


@pytest.mark.parametrize(
    ("measure", "numbers", "expected"),
    [
        (TIME.beside(), found(embedded=[110.0], embedded_base=[100.0]), False),
        (TIME.beside(), found(embedded=[111.0], embedded_base=[100.0]), True),
        (TIME.beside(), found(embedded=[50.0], embedded_base=[100.0]), False),
        (SPEED.beside(), found(embedded=[91.0], embedded_base=[100.0]), False),
        (SPEED.beside(), found(embedded=[90.0], embedded_base=[100.0]), True),
        (SPEED.beside(), found(embedded=[200.0], embedded_base=[100.0]), False),
        (TIME.beside(), Found({"embedded@base": [1.0]}, {"embedded": "cannot"}), True),
    ],
)
def test_what_is_worse_by_more_than_a_tenth_is_told(measure: Measure, numbers: Found, expected: bool) -> None:
    assert bool(list(worse(measure, numbers))) == expected


def test_beside_another_checkout_ours_is_compared_with_itself_and_nothing_else_is_wanted() -> None:
    pairs = (("sdk", "floor"), ("sdk-async", "floor"), ("sdk", "peer"))
    trial = Trial(1, doing({}, []), Measure("exists", "exists", "µs", pairs, longest=1.25)).beside()
    assert trial.measure.pairs == (("sdk", "sdk@base"), ("sdk-async", "sdk-async@base"))
    assert list(verdicts(trial.measure, found(sdk=[2.0], sdk_base=[1.0]))) == []


def doing(seconds: dict[str, float], log: list[str]) -> Callable[[Ground, Contender], Any]:
    """Contenders that take these seconds; one that takes none fails from its second turn on."""

    @contextmanager
    def ready(_ground: Ground, who: Contender) -> Iterator[Doer]:
        def do(sample: bool) -> Answer:
            log.append(f"{who.name}{'?' if sample else ''}")
            if not seconds[who.name] and log.count(who.name) > 1:
                raise ContenderError("see /home/somebody/secret for why")
            return {"seconds": seconds[who.name], "profile": ["100% somewhere"]}

        yield do

    return ready


def take_turns(trial: Trial) -> Found:
    contenders = {name: Contender(name, name) for name in trial.contenders}
    ground = Ground(FULL, Path(), Path(), None)  # type: ignore[arg-type]  # nothing is made on it
    return Turns(ground, trial, contenders, lambda _line: None).take()[trial.measure.name]


def test_contenders_take_turns_and_another_one_begins_each_round() -> None:
    log: list[str] = []
    numbers = take_turns(Trial(3, doing({"embedded": 1.0, "plain": 2.0}, log), TIME))
    assert log == ["embedded", "plain", "plain", "embedded", "embedded", "plain", "plain", "embedded"]
    assert numbers.rounds == {"embedded": [1000.0] * 3, "plain": [2000.0] * 3}
    assert numbers.profile == []


def test_one_that_fails_is_noted_without_paths_and_the_others_go_on() -> None:
    log: list[str] = []
    numbers = take_turns(Trial(3, doing({"embedded": 1.0, "plain": 0.0}, log), TIME, warm=False))
    assert numbers.notes == {"plain": "see ... for why"}
    assert log.count("plain") == 2
    assert numbers.rounds["embedded"] == [1000.0] * 3


def test_where_a_target_is_missed_ours_is_looked_at_once_more() -> None:
    log: list[str] = []
    numbers = take_turns(Trial(1, doing({"embedded": 3.0, "plain": 1.0}, log), dataclasses.replace(TIME, longest=2), warm=False))
    assert log[-1] == "embedded?"
    assert numbers.profile == ["100% somewhere"]


def test_waits_until_the_load_has_fallen() -> None:
    loads, said, slept = iter([2.0, 2.0, 2.0, 1.0, 0.4, 0.4]), [], []
    assert machine.wait_until_quiet(said.append, lambda: next(loads), slept.append) == 0.4
    assert len(slept) == 2
    assert "the one-minute load is 2.00" in said[0]


def test_gives_up_waiting_in_the_end() -> None:
    slept: list[float] = []
    assert machine.wait_until_quiet(lambda _line: None, lambda: 3.0, slept.append, patience=60) == 3.0
    assert sum(slept) == 60


@pytest.mark.parametrize(
    ("load", "calibration", "expected"),
    [
        (0.5, [20.0, 21.9], []),
        (0.51, [20.0, 20.0], ["load"]),
        (0.1, [20.0, 22.1, 20.0], ["drifted"]),
        (3.0, [20.0, 30.0], ["load", "drifted"]),
    ],
)
def test_a_machine_is_busy_when_its_load_is_high_or_its_calibration_drifts(
    load: float, calibration: list[float], expected: list[str]
) -> None:
    reasons = machine.why_busy(load, calibration)
    assert len(reasons) == len(expected)
    assert all(word in reason for word, reason in zip(expected, reasons, strict=True))


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page, somewhere else, and a command line that leaves the signals of this process alone."""
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    monkeypatch.setattr(cli, "PAGE", tmp_path / "performance.md")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return tmp_path / "performance.md"


def whole_run(**changes: Any) -> Results:
    """The results of a run in which every contender took one second and a byte."""
    answer = {"seconds": 1.0, "p95": 1.0, "connecting": 1.0, "count": 1 << 20, "bytes": 1 << 20, "rate": 1.0}
    measures = [(trial, measure) for name in TARGETS for trial in cli.GROUPS[name] for measure in trial.measures]
    numbers = {measure.name: Found({name: [measure.value(answer)] for name in trial.contenders}) for trial, measure in measures}
    versions = {"contenders": {"embedded": {"python": "3.11"}, "sdk": {"python": "3.11"}, "peer": {"python": "3.10"}}}
    whole = Results("2026-01-02", load=0.25, calibration=[20.0, 21.0], environment={**ENVIRONMENT, **versions}, found=numbers)
    return dataclasses.replace(whole, **changes)


def write_page(results: Results, folder: Path) -> int:
    (folder / "results.json").write_text(json.dumps(dataclasses.asdict(results)), encoding="utf-8")
    return cli.main(["--again", str(folder / "results.json"), "--write-docs"])


def test_the_page_has_all_measures_all_targets_the_load_and_the_calibration(page: Path) -> None:
    results = whole_run()
    write_page(results, page.parent)
    text = page.read_text(encoding="utf-8")
    assert "one-minute load before: 0.25" in text
    assert "20.0 ms before, 21.0 ms after" in text
    assert "- embedded, xenon: python 3.11\n- pyxenon 3.0.3: python 3.10\n" in text
    assert text.count("| pass |\n") + text.count("| FAIL |\n") == sum(TARGETS.values())
    for name in results.found:
        title = next(m.title for g in cli.GROUPS.values() for trial in g for m in trial.measures if m.name == name)
        assert f"| {title.format(**vars(FULL))} | " in text
    assert "$" not in text


def test_each_group_has_the_targets_that_it_had() -> None:
    for name, number in TARGETS.items():
        measures = [measure for trial in cli.GROUPS[name] for measure in trial.measures]
        assert sum(len(list(verdicts(measure, Found()))) for measure in measures) == number


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"load": 1.5}, "one-minute load before was 1.50"),
        ({"calibration": [20.0, 30.0]}, "calibration drifted from 20.0 to 30.0 ms"),
        ({"quick": True}, "not the results of a full run"),
        ({"found": {}}, "not the results of a full run"),
        ({"base": "abc1234"}, "not the results of a full run"),
    ],
)
def test_no_page_is_written_of_a_busy_machine_or_of_half_a_run(
    page: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], reason: str
) -> None:
    assert write_page(whole_run(**changes), page.parent) == 2
    assert not page.exists()
    assert reason in capsys.readouterr().err


def test_on_a_busy_machine_nothing_is_measured_for_the_page(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "wait_until_quiet", lambda _say: 2.0)
    assert cli.main(["--write-docs"]) == 2
    assert "cannot measure: the one-minute load before was 2.00" in capsys.readouterr().err
    assert not page.exists()


def test_beside_another_checkout_the_exit_status_tells_what_is_worse(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = {"import": Found({"sdk": [112.0], "sdk@base": [100.0]}), "jobs": Found({"sdk": [1.0], "sdk@base": [1.0]})}
    results = whole_run(base="abc1234", found=numbers)
    (page.parent / "results.json").write_text(json.dumps(dataclasses.asdict(results)), encoding="utf-8")
    assert cli.main(["--again", str(page.parent / "results.json")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "Worse than abc1234 by more than a tenth, or no longer possible:" in lines
    assert "import, xenon: 1.12 times (1.12 to 1.12)" in lines
    assert report.failures(dataclasses.replace(results, found={"jobs": numbers["jobs"]}), cli.measures_of(results)) == []
