"""A release that does not exist: a new RPC of each kind, a message with a oneof and a map, a field that is gone, and a new adaptor."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import pytest

from pyxenon_codegen.cli import REPORT, main
from pyxenon_codegen.generate import CORE, SYNC

pytestmark = pytest.mark.slow

READ = ("protos", "templates", "packages", "pyproject.toml", "docs/adaptors.rst")
MESSAGES = """
message GetFreeSpaceResponse { uint64 bytes = 1; }
message WatchEvent { Path path = 1; oneof what { string made = 2; bool gone = 3; } map<string, string> details = 4; }
message PatchFileRequest { FileSystem filesystem = 1; Path path = 2; bytes patch = 3; bool backup = 4; }
message ChatRequest { FileSystem filesystem = 1; string room = 2; bytes said = 3; }
message ChatResponse { bytes heard = 1; }
service FileSystemService {
    rpc getFreeSpace(PathRequest) returns (GetFreeSpaceResponse) {}
    rpc watch(PathRequest) returns (stream WatchEvent) {}
    rpc patchFile(stream PatchFileRequest) returns (GetFreeSpaceResponse) {}
    rpc chat(stream ChatRequest) returns (stream ChatResponse) {}
"""
WORDS = {
    "services.FileSystemService.rpcs.getFreeSpace": {
        "doc": "Tell how much more fits.",
        "returns": "Bytes.",
        "raises": ["NoSuchPathException"],
    },
    "services.FileSystemService.rpcs.watch": {"doc": "Tell what happens.", "returns": "What happened.", "raises": []},
    "services.FileSystemService.rpcs.patchFile": {"doc": "Change a file.", "returns": "Bytes.", "raises": []},
    "services.FileSystemService.rpcs.chat": {"doc": "Talk.", "returns": "What is said.", "raises": []},
    "messages.GetFreeSpaceResponse": {"doc": "The free space.", "fields": {"bytes": "Bytes."}},
    "messages.WatchEvent": {
        "doc": "What happened.",
        "fields": {"path": "Where.", "made": "What it is.", "gone": "Whether it is gone.", "details": "More."},
        "oneofs": {"what": "What happened there."},
    },
    "messages.PatchFileRequest": {
        "doc": "A patch.",
        "fields": {"filesystem": "The file system.", "path": "The file.", "patch": "The patch.", "backup": "Whether the old one is kept."},
    },
    "messages.ChatRequest": {"doc": "Words.", "fields": {"filesystem": "The file system.", "room": "Where.", "said": "The words."}},
    "messages.ChatResponse": {"doc": "Words.", "fields": {"heard": "The words."}},
}
REMOVED = {"JobDescription.temp_space": "Give the scheduler's own option in scheduler_arguments."}
ADAPTOR = """
[filesystems.tape]
title = "Tapes"
about = "Files on tapes in a robot."
notes = []
embedded = []
java = []
example = "import xenon"
prints = "nothing"
[filesystems.tape.locations]
"robot[/workdir]" = "robot/archive"
[locations]
"robot[/workdir]" = "The name of a robot."
"""


@pytest.fixture(scope="module")
def future(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release, as the folder of a repository that was taken to it."""
    root = tmp_path_factory.mktemp("future")
    shutil.copytree(repository / "protos", root / "protos")
    proto = (root / "protos/xenon.proto").read_text(encoding="utf-8").replace("\nservice FileSystemService {\n", MESSAGES)
    lines = [line for line in proto.splitlines(keepends=True) if " temp_space = " not in line]
    (root / "protos/xenon.proto").write_text("".join(lines), encoding="utf-8")
    adaptors = json.loads((root / "protos/adaptors.json").read_text(encoding="utf-8"))
    (file,) = [adaptor for adaptor in adaptors["filesystems"] if adaptor["name"] == "file"]
    adaptors["filesystems"].append({**file, "name": "tape", "supported_locations": ["robot[/workdir]"], "supported_properties": []})
    (root / "protos/adaptors.json").write_text(json.dumps(adaptors, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    pin = (root / "protos/release.toml").read_text(encoding="utf-8")
    (root / "protos/release.toml").write_text(pin.replace('version = "3.0.1"', 'version = "9.0.0"', 1), encoding="utf-8")
    return root


@pytest.fixture
def here(repository: Path, tmp_path: Path) -> Path:
    """A copy of this repository, to be taken there."""
    root = tmp_path / "here"
    for name in READ:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (repository / name).is_dir():
            shutil.copytree(repository / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "tests"))
        else:
            shutil.copy(repository / name, root / name)
    return root


def _write_words(folder: Path, removed: dict[str, str]) -> Path:
    folder.mkdir()
    lines = [line for table, values in WORDS.items() for line in _table(table, values)]
    (folder / "words.toml").write_text("\n".join([*lines, *_table("removed", dict(removed))]) + "\n", encoding="utf-8")
    (folder / "adaptors.toml").write_text(ADAPTOR, encoding="utf-8")
    return folder


def _table(name: str, values: dict[str, object]) -> list[str]:
    plain = [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in values.items() if not isinstance(value, dict)]
    inner = [line for key, value in values.items() if isinstance(value, dict) for line in _table(f"{name}.{key}", value)]
    return [f"[{name}]", *plain, *inner]


def _method(path: Path, owner: str, name: str) -> tuple[str, str]:
    """The signature and the docstring of a method."""
    body = next(
        node.body for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef) and node.name == owner
    )
    method = next(node for node in body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name)
    assert method.returns is not None
    return f"({ast.unparse(method.args)}) -> {ast.unparse(method.returns)}", ast.get_docstring(method) or ""


def test_what_is_gone_must_be_acknowledged(here: Path, future: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = _write_words(tmp_path / "words", {})
    before = (here / "protos/xenon.proto").read_bytes()
    assert main(["--root", str(here), "upgrade", str(future), "--words", str(words)]) == 1
    assert "words that are missing: 1; nothing has changed" in capsys.readouterr().err
    report = (here / REPORT).read_text(encoding="utf-8")
    assert "under `removed`, what programs use instead of JobDescription.temp_space, which is gone" in report
    assert (here / "protos/xenon.proto").read_bytes() == before


def test_a_field_taken_out_by_hand_fails_the_check_as_well(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proto = here / "protos/xenon.proto"
    lines = [line for line in proto.read_text(encoding="utf-8").splitlines(keepends=True) if " temp_space = " not in line]
    proto.write_text("".join(lines), encoding="utf-8")
    assert main(["--root", str(here), "check"]) == 1
    assert "a word for JobDescription.temp_space, which the interface does not have; say under [removed]" in capsys.readouterr().err


def test_everything_new_is_there_typed_and_documented(here: Path, future: Path, tmp_path: Path) -> None:
    words = _write_words(tmp_path / "words", REMOVED)
    assert main(["--root", str(here), "upgrade", str(future), "--words", str(words)]) == 3
    report = (here / REPORT).read_text(encoding="utf-8")
    for line in (
        "The version after 4.0.0.dev0 is **4.0.0** (major).",
        "- attribute `JobDescription.temp_space` removed: setting it, as in `JobDescription(temp_space=…)`, and",
        "- method `FileSystem.get_free_space(path)` added: returns int",
        "- method `FileSystem.watch(path)` added: returns Iterator[WatchEvent]",
        "- method `FileSystem.patch_file(path, patch_stream, backup=False)` added: returns int",
        "- adaptor `FileSystem tape` added: robot[/workdir]",
        "packages/xenon-server/src/pyxenon_server/schedulers/slurm/options.py",
    ):
        assert line in report
    signature, doc = _method(here / CORE / "filesystem.py", "FileSystemMethods", "get_free_space")
    assert signature == "(self, path: StrPath) -> int"
    assert doc.startswith("Tell how much more fits.") and "NoSuchPathException: " in doc
    assert _method(here / SYNC / "filesystem.py", "FileSystemMethods", "watch")[0] == "(self, path: StrPath) -> Iterator[views.WatchEvent]"
    assert (
        _method(here / SYNC / "filesystem.py", "FileSystemMethods", "chat")[0]
        == "(self, room: str, said_stream: ByteSource) -> Iterator[bytes]"
    )
    page = (here / "docs/adaptors.rst").read_text(encoding="utf-8")
    assert "Files on tapes in a robot." in page
    assert main(["--root", str(here), "check"]) == 0
    assert main(["--root", str(here), "upgrade", str(future)]) == 0
