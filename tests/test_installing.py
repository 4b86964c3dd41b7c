"""Installing ``pyxenon`` beside another distribution that has a package ``xenon``, and over pyxenon 3."""

from __future__ import annotations

import re
import shlex
import zipfile
from pathlib import Path

import pytest

import pyxenon
from wheels import ROOT, Environment, build_wheels, write_wheel

SYNC = ROOT / "packages" / "xenon-sync"
SOURCES = [ROOT / "packages" / name / "src" for name in ("xenon-core", "xenon-server")]
WARNING = f"belongs to more than one installed distribution: pyxenon {pyxenon.__version__} and xenon 0.9.3. Uninstall"
# What a namesake may have: other modules than ours, no other than ours, a single module.
NAMESAKES = {
    "modules of its own": {"xenon/__init__.py": "theirs = True\n", "xenon/core.py": ""},
    "the same modules": {"xenon/__init__.py": "theirs = True\n"},
    "a single module": {"xenon.py": ""},
}

# The files of pyxenon 3.0.3, as pip installs it.
MODULES_3 = ("__init__", "compat", "create_keys", "exceptions", "objects", "oop", "server", "version")
PYXENON_3 = {f"xenon/{name}.py": "" for name in (*MODULES_3, "proto/__init__", "proto/xenon_pb2", "proto/xenon_pb2_grpc")}
PYXENON_3 |= {f"pyxenon-3.0.3.data/data/{name}": "" for name in ("bin/xenon-grpc", "bin/xenon-grpc.bat", "lib/xenon-grpc-3.0.1.jar")}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    build_wheels(folder, SYNC)
    return next(folder.glob("pyxenon-*.whl"))


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "venv", *SOURCES)


@pytest.mark.parametrize("files", NAMESAKES.values(), ids=NAMESAKES)
@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "theirs first"])
def test_a_namesake_is_named(environment: Environment, tmp_path: Path, ours: Path, files: dict[str, str], ours_first: bool) -> None:
    theirs = write_wheel(tmp_path / "wheels", "xenon", "0.9.3", files)
    for wheel in (ours, theirs) if ours_first else (theirs, ours):
        environment.install(wheel)
    output = environment.execute("import pyxenon")
    assert output.count(WARNING) == 1
    assert output.startswith("<string>:1: RuntimeWarning: ")
    if "theirs" not in environment.execute("import xenon; print(*vars(xenon))"):
        assert WARNING in environment.execute("import xenon")


def test_a_namesake_beside_an_editable_installation_is_named(environment: Environment, tmp_path: Path) -> None:
    environment.install("--editable", SYNC)
    environment.install(write_wheel(tmp_path / "wheels", "xenon", "0.9.3", NAMESAKES["modules of its own"]))
    assert WARNING in environment.execute("import pyxenon")


def test_what_the_warning_says_helps(environment: Environment, tmp_path: Path, ours: Path) -> None:
    theirs = write_wheel(tmp_path / "wheels", "xenon", "0.9.3", NAMESAKES["modules of its own"])
    environment.install(ours, theirs)
    output = environment.execute("import pyxenon")
    assert "pip uninstall xenon, then pip install --force-reinstall --no-deps pyxenon" in output
    environment.uninstall("xenon")
    environment.install("--force-reinstall", ours)
    assert environment.execute("import xenon; print(xenon.init.__module__)") == "pyxenon.session\n"


def test_it_can_be_silenced(environment: Environment, tmp_path: Path, ours: Path) -> None:
    environment.install(ours, write_wheel(tmp_path / "wheels", "xenon", "0.9.3", NAMESAKES["modules of its own"]))
    assert environment.execute("import warnings; warnings.simplefilter('ignore', RuntimeWarning); import pyxenon") == ""


def test_nothing_is_said_otherwise(environment: Environment, ours: Path) -> None:
    environment.install(ours)
    assert environment.execute("import xenon") == ""


def test_without_a_namesake_no_metadata_is_read(environment: Environment, ours: Path) -> None:
    environment.install(ours)
    program = "import sys; from pyxenon import namesakes; sys.modules.pop('importlib.metadata', None); namesakes.warn_of_namesakes(); {}"
    assert environment.execute(program.format("print('importlib.metadata' in sys.modules)")) == "False\n"


def test_a_folder_of_a_programs_own_is_left_alone(environment: Environment, ours: Path) -> None:
    environment.install(ours)
    folder = environment.packages.parent / "xenon"  # in the directory that programs are run in
    folder.mkdir()
    (folder / "__init__.py").touch()
    assert environment.execute("import pyxenon") == ""


def test_nothing_of_pyxenon_3_is_left(environment: Environment, tmp_path: Path, ours: Path) -> None:
    fresh = Environment(tmp_path / "fresh", *SOURCES)
    fresh.install("--find-links", ours.parent, "--ignore-installed", "--pre", "pyxenon")
    before = environment.files()
    environment.install(write_wheel(tmp_path / "wheels", "pyxenon", "3.0.3", PYXENON_3))
    assert {"bin/xenon-grpc", "lib/xenon-grpc-3.0.1.jar"} < environment.files() - before
    environment.execute("import xenon.server")  # so that there is compiled code, too
    environment.install("--find-links", ours.parent, "--upgrade", "--pre", "pyxenon")
    assert environment.files() == fresh.files()
    assert (
        environment.execute("import xenon; print(xenon.__version__, xenon.init.__module__)") == f"{pyxenon.__version__} pyxenon.session\n"
    )


@pytest.mark.parametrize("command", re.findall(r"^    pip install (\./packages/.*)$", (ROOT / "README.md").read_text(), re.MULTILINE))
def test_what_the_readme_installs_from_a_clone_is_complete(command: str, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    build_wheels(wheels, *(ROOT / text.split("[")[0] for text in shlex.split(command)))
    names = {path.name.split("-")[0].replace("_", "-") for path in wheels.iterdir()}
    assert {text for path in wheels.iterdir() for text in required(path) if text.startswith("pyxenon")} < names


def required(wheel: Path) -> set[str]:
    """Return the names of the distributions that *wheel* requires without its extras."""
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))).decode()
    return set(re.findall(r"^Requires-Dist: ([\w-]+)(?!.*; extra)", text, re.MULTILINE))
