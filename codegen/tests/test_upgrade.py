"""The upgrade on the releases that can be had: from the first to the last, one after another and in one jump.

Each step's SDK passes the type checker (which is part of the upgrade), runs a job and moves a file on its own server, and the report says
what the protos of the releases show.
"""

from __future__ import annotations

import difflib
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from proto_facts import facts
from pyxenon_codegen.adaptor_words import adaptor_words_text
from pyxenon_codegen.cli import REPORT, main
from pyxenon_codegen.descriptors import compile_proto
from pyxenon_codegen.words_file import read_words_file

# The first of these upgrades through every release, each with its own Java server.
pytestmark = [pytest.mark.java, pytest.mark.timeout(600)]

RELEASES = ("2.2.1", "2.3.0", "3.0.0", "3.0.1")
WORDS = Path(__file__).parent / "releases"
READ = (
    "protos",
    "templates",
    "packages",
    "tools/adaptor-docs",
    "benchmarks",
    "examples",
    "tests/downstream",
    "pyproject.toml",
    "docs/adaptors.rst",
)
SDK = ("packages/xenon-core/src", "packages/xenon-java/src", "packages/xenon-sync/src")
PROGRAM = """
import sys
import tempfile
import time
from pathlib import Path
import xenon, pyxenon_core, pyxenon_java
assert all(Path(module.__file__).is_relative_to(sys.argv[1]) for module in (xenon, pyxenon_core, pyxenon_java))
folder = sys.argv[2]
with xenon.init(target="java:"):
    with xenon.FileSystem.create("file") as files:
        files.write_to_file(folder + "/a", [b"moved"])
        operation = files.copy(folder + "/a", files, folder + "/b", xenon.CopyRequest.CREATE, False)
        assert files.wait_until_done(operation).done
    with xenon.Scheduler.create("local") as local:
        job = local.submit_batch_job(xenon.JobDescription(executable="/bin/cp", arguments=[folder + "/b", folder + "/c"]))
        assert local.wait_until_done(job, 0).exit_code == 0
print(pyxenon_java.PINNED.version, Path(folder, "c").read_text())
"""


def _upgrade(root: Path, release: str, *options: str) -> int:
    return main(["--root", str(root), "upgrade", release, *options])


def _contents(root: Path) -> dict[str, str]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and "__pycache__" not in path.parts and path.name != REPORT)
    return {path.relative_to(root).as_posix(): path.read_bytes().decode("utf-8", "surrogateescape") for path in files}


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> str:
    names = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    diffs = (
        difflib.unified_diff(one.get(name, "").splitlines(), other.get(name, "").splitlines(), name, name, lineterm="", n=1)
        for name in names
    )
    return "\n".join(line for diff in diffs for line in list(diff)[:20])


@pytest.fixture(scope="module", autouse=True)
def cached_types(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The type checker reads the libraries once, and not in each of the trees."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.mktemp("types")))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """The words of the repository, and those for a form of location that only a release between had."""
    folder = tmp_path_factory.mktemp("words")
    shutil.copy(repository / "protos/words.toml", folder)
    adaptors = read_words_file(repository / "protos/adaptors.toml")
    form = "[http[s]://host[:port]]/bucketname[/workdir]"
    adaptors.tables["locations"][form] = "A bucket."
    adaptors.tables["filesystems"]["s3"]["locations"][form] = "http://s3.example.org/results"
    (folder / "adaptors.toml").write_text(adaptor_words_text(adaptors), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """The repository as it is for the first release: going back is an upgrade like any other."""
    root = tmp_path_factory.mktemp("first")
    for name in READ:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (repository / name).is_dir():
            shutil.copytree(repository / name, root / name, ignore=shutil.ignore_patterns("__pycache__", ".*", "tests", "dist", "build"))
        else:
            shutil.copy(repository / name, root / name)
    assert _upgrade(root, RELEASES[0], "--words", str(WORDS / RELEASES[0])) == 3  # the server in Python is written for a later one
    return root


@pytest.fixture(scope="module")
def steps(first: Path, words: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tree of each release, each made from the one before."""
    trees = {RELEASES[0]: first}
    for before, after in itertools.pairwise(RELEASES):
        trees[after] = shutil.copytree(trees[before], tmp_path_factory.mktemp("step") / after)
        assert _upgrade(trees[after], after, "--words", str(words)) in (0, 3)
    return trees


def test_one_jump_leads_where_all_the_steps_lead(steps: dict[str, Path], words: Path, tmp_path: Path) -> None:
    jump = shutil.copytree(steps[RELEASES[0]], tmp_path / "jump")
    assert _upgrade(jump, RELEASES[-1], "--words", str(words)) == 0
    assert _differing(_contents(jump), _contents(steps[RELEASES[-1]])) == ""


def test_the_way_back_and_forth_leads_to_what_is_committed(steps: dict[str, Path], repository: Path) -> None:
    tree = _contents(steps[RELEASES[-1]])
    committed = {name: (repository / name).read_bytes().decode("utf-8", "surrogateescape") for name in tree}
    assert _differing(tree, committed) == ""


@pytest.mark.parametrize("release", RELEASES)
def test_each_release_runs_a_job_and_moves_a_file_on_its_own_server(steps: dict[str, Path], release: str, tmp_path: Path) -> None:
    path = os.pathsep.join(str(steps[release] / name) for name in SDK)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(steps[release]), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout, done.returncode) == (f"{release} moved\n", 0), done.stderr


@pytest.mark.parametrize(("before", "after"), list(itertools.pairwise(RELEASES)))
def test_the_report_says_what_the_protos_show(steps: dict[str, Path], before: str, after: str) -> None:
    report = (steps[after] / REPORT).read_text(encoding="utf-8")
    assert report.startswith(f"# xenon-grpc {before} to xenon-grpc {after}\n")
    wire = report.partition("## On the wire")[2].partition("\n## ")[0]
    said = {(kind, name) for kind, name in re.findall(r"^- (field|RPC|message) `([\w.]+)` (?:added|removed)", wire, re.MULTILINE)}
    shown = _names(steps[before], steps[after])
    assert said == shown
    python = report.partition("## On the wire")[0]
    for kind, name in shown:
        if kind == "field" and name.startswith("JobDescription."):
            assert f"attribute `{name}`" in python


def _names(before: Path, after: Path) -> set[tuple[str, str]]:
    """What one of two protos has and the other has not, found another way: in the lines of facts that differ."""
    old, new = (set(facts(_bare(tree))) for tree in (before, after))
    lines = [line.split() for line in old ^ new if "Entry" not in line.split()[1]]  # the entries of a map belong to its field
    found = {(words[0].replace("rpc", "RPC"), words[1].partition("(")[0]) for words in lines}
    messages = {name for kind, name in found if kind == "message"}
    return {(kind, name) for kind, name in found if name.partition(".")[0] not in messages or kind == "message"}


def _bare(tree: Path) -> FileDescriptorProto:
    return compile_proto(tree / "protos/xenon.proto")


def test_the_reports_tell_when_the_major_version_is_due(steps: dict[str, Path]) -> None:
    verdicts = [(steps[release] / REPORT).read_text(encoding="utf-8").split("\n\n")[1] for release in RELEASES[1:]]
    assert [re.findall(r"\((\w+)\)", verdict) for verdict in verdicts] == [["patch"], ["major"], ["major"]]
    assert "Programs notice nothing" in verdicts[0] and "6 changes can break programs" in verdicts[1]
    assert "location" in (steps["3.0.1"] / REPORT).read_text(encoding="utf-8")


def test_the_pinned_release_changes_nothing(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _contents(tree)
    assert _upgrade(tree, RELEASES[-1]) == 0
    printed = capsys.readouterr()
    assert "Nothing is different." in printed.out
    assert "nothing to do: this repository is already at xenon-grpc 3.0.1" in printed.err
    assert _contents(tree) == before and not (tree / REPORT).exists()


def test_a_dry_run_writes_the_report_and_nothing_else(steps: dict[str, Path], words: Path, tmp_path: Path) -> None:
    root = steps["2.3.0"]
    before = _contents(root)
    assert _upgrade(root, "3.0.0", "--dry-run", "--words", str(words), "--report", str(tmp_path / "report.md")) == 0
    assert _contents(root) == before
    assert "JobDescription.node_count" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_missing_words_are_asked_for_and_nothing_changes(
    steps: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = steps["2.3.0"]
    before = _contents(root)
    assert _upgrade(root, "3.0.0", "--words", str(tmp_path / "new"), "--report", str(tmp_path / "report.md")) == 1
    assert _contents(root) == before
    assert "; nothing has changed" in capsys.readouterr().err
    assert "no word for JobDescription.tasks" in (tmp_path / "report.md").read_text(encoding="utf-8")
    asked = (tmp_path / "new/words.toml").read_text(encoding="utf-8")
    assert 'tasks = ""' in asked and '"JobDescription.node_count" = ""' in asked and "executable" not in asked
    assert "[schedulers.at]" in (tmp_path / "new/adaptors.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("release", "words"),
    [
        ("9.9.9", "no package index is known to have it; give the path of its jar"),
        pytest.param("nonsense", "it is not a known version", id="nonsense-it is no version that is known"),
        pytest.param(__file__, "test_upgrade.py is not a jar; name the release by its version", id="a file that is not a jar"),
        ("grpcs://127.0.0.1:1", "cannot be reached|does not tell its interface"),
        ("nonsense:", "nonsense"),
        ("embedded:", "name another server"),
    ],
)
def test_what_is_no_release(tree: Path, capsys: pytest.CaptureFixture[str], release: str, words: str) -> None:
    before = _contents(tree)
    assert _upgrade(tree, release) == 1
    assert re.search(words, capsys.readouterr().err)
    assert _contents(tree) == before


def test_the_difference_between_any_two(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(repository), "diff", "2.2.1", "2.3.0"]) == 0
    assert capsys.readouterr().out.startswith("# xenon-grpc 2.2.1 to xenon-grpc 2.3.0\n\nPrograms notice nothing")
    assert main(["--root", str(repository), "diff", str(repository), "3.0.1"]) == 0
    assert "Nothing is different." in capsys.readouterr().out


def test_a_server_that_runs_tells_what_it_serves(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="xenon-") as folder:  # only its owner's, and short enough for a socket
        address = Path(folder, "s.sock")
        command = [str(Path(sys.executable).with_name("xenon-server")), "--uds", str(address)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                deadline = time.monotonic() + 60
                while not address.exists() and server.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.05)
                assert main(["--root", str(repository), "diff", str(repository), f"unix://{address}"]) == 0
            finally:
                server.terminate()
    report = capsys.readouterr().out
    assert report.startswith(f"# xenon-grpc 3.0.1 to unix://{address}\n")
    assert '- adaptor `FileSystem ftp` removed: `FileSystem.create("ftp", …)` raises UnknownAdaptorException' in report
    assert "On the wire" not in report and "adaptor `FileSystem sftp`" not in report
