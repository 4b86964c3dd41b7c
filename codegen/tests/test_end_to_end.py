"""New RPCs, in a service that there is and in one that is new, become typed and documented methods that work, with nobody writing them.

What is new is in the folder ``tape``; ``program.py`` in it serves and uses it all, and is both type-checked and run.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyxenon_codegen.cli import main
from pyxenon_codegen.generate import GENERATED_FOLDERS

pytestmark = pytest.mark.slow

CORE, SYNC, *_ = GENERATED_FOLDERS
NEW = Path(__file__).parent / "tape"
# All that a person writes for a new service: a class for its handle on both floors, and where programs, clients and servers find it.
BY_HAND = {
    "packages/xenon-core/src/pyxenon_core/tape.py": (
        '"""Tapes."""\nfrom pyxenon_core._generated.tape import TapeMethods, Tapes\n__all__ = ["Tape", "Tapes"]\n'
        'class Tape(TapeMethods):\n    """A tape."""\n'
    ),
    "packages/xenon-sync/src/pyxenon/tape.py": (
        '"""Tapes."""\nfrom pyxenon._generated.tape import TapeMethods\nclass Tape(TapeMethods):\n    """A tape."""\n'
    ),
}
_CORE = "packages/xenon-core/src/pyxenon_core"
CONNECTED = (
    (
        f"{_CORE}/client.py",
        "        self._endpoint = endpoint\n",
        "        self.tapes = Tapes(channel)\n        self._endpoint = endpoint\n",
    ),
    (f"{_CORE}/client.py", "\n__all__ =", "from pyxenon_core.tape import Tapes\n\n__all__ ="),
    (f"{_CORE}/services.py", "FileSystemServicer, SchedulerServicer\n", "FileSystemServicer, SchedulerServicer, TapeServicer\n"),
    (f"{_CORE}/services.py", "    scheduler: SchedulerServicer\n", "    scheduler: SchedulerServicer\n    tape: TapeServicer\n"),
    (f"{_CORE}/__init__.py", "\n# Every distribution", "from pyxenon_core.tape import Tape\n\n# Every distribution"),
    (f"{_CORE}/__init__.py", '    "StrPath",\n', '    "StrPath",\n    "Tape",\n'),
)


@pytest.fixture(scope="session")
def extended(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """A copy of the repository whose interface has the tapes, generated."""
    root = tmp_path_factory.mktemp("extended")
    for name in ("protos", "templates", "docs", "packages/xenon-core/src", "packages/xenon-sync/src", "packages/xenon-java/src"):
        shutil.copytree(repository / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repository / "pyproject.toml", root)
    _extend_interface(root / "protos")
    _write_by_hand(root)
    assert main(["--root", str(root), "generate"]) == 0
    return root


def _extend_interface(protos: Path) -> None:
    rpcs, messages, service = ((NEW / f"{name}.proto").read_text(encoding="utf-8") for name in ("rpcs", "messages", "service"))
    before, opening, after = (protos / "xenon.proto").read_text(encoding="utf-8").partition("service FileSystemService {\n")
    (protos / "xenon.proto").write_text(f"{before}{messages}\n{opening}{rpcs}{after}\n{service}", encoding="utf-8")
    with (protos / "words.toml").open("a", encoding="utf-8") as words:
        words.write("\n" + (NEW / "words.toml").read_text(encoding="utf-8"))


def _write_by_hand(root: Path) -> None:
    for name, text in BY_HAND.items():
        (root / name).write_text(text, encoding="utf-8")
    for name, before, after in CONNECTED:
        text = (root / name).read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{name} has changed; tell this test where a new service is connected"
        (root / name).write_text(text.replace(before, after), encoding="utf-8")


def _environment(root: Path) -> dict[str, str]:
    path = os.pathsep.join(str(root / name) for name in ("packages/xenon-core/src", "packages/xenon-sync/src", "packages/xenon-java/src"))
    return {**os.environ, "PYTHONPATH": path, "MYPYPATH": path}


def _methods(path: Path, owner: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == owner)
    return {node.name: node for node in body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def _signature(method: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    assert method.returns is not None
    start = "async def" if isinstance(method, ast.AsyncFunctionDef) else "def"
    return f"{start} {method.name}({ast.unparse(method.args)}) -> {ast.unparse(method.returns)}"


def test_a_program_that_uses_it_all_runs(extended: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(NEW / "program.py")],
        env=_environment(extended),
        cwd=extended,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all is well\n"


def test_it_is_typed_throughout(extended: Path) -> None:
    generated = [str(path) for folder in (CORE, SYNC) for path in sorted((extended / folder).glob("*.py"))]
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(extended / "pyproject.toml"), str(NEW / "program.py")]
    done = subprocess.run(
        [*command, *generated], env=_environment(extended), cwd=extended, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_fresh_and_clean(extended: Path) -> None:
    assert main(["--root", str(extended), "check"]) == 0
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", CORE, SYNC], cwd=extended, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("folder", "module", "owner", "signature"),
    [
        (CORE, "filesystem", "FileSystemMethods", "async def get_free_space(self, path: StrPath) -> int"),
        (SYNC, "filesystem", "FileSystemMethods", "def get_free_space(self, path: StrPath) -> int"),
        (CORE, "filesystem", "FileSystemMethods", "async def watch(self, path: StrPath) -> AsyncIterator[views.WatchEvent]"),
        (SYNC, "filesystem", "FileSystemMethods", "def watch(self, path: StrPath) -> Iterator[views.WatchEvent]"),
        (
            CORE,
            "filesystem",
            "FileSystemMethods",
            "async def patch_file(self, path: StrPath, patch_stream: ByteSource, backup: bool=False) -> None",
        ),
        (CORE, "tape", "Tapes", "async def create(self, robot: str) -> Tape"),
        (SYNC, "tape", "TapeMethods", "def create(cls, robot: str) -> Tape"),
        (CORE, "tape", "Tapes", "async def local_tapes(self) -> builtins.list[Tape]"),
        (
            CORE,
            "tape",
            "TapeMethods",
            "async def import_(self, from_: FileSystem, class_: str, passes: Iterable[messages.Level], speed: int | None=None, "
            "level: messages.Level=messages.Level.LOW, labels: Mapping[str, str] | None=None, "
            "password_credential: messages.PasswordCredential | None=None, "
            "default_credential: messages.DefaultCredential | None=None) -> int",
        ),
        (CORE, "tape", "TapeMethods", "async def wait_until_done(self, timeout: int | None=0) -> messages.MoveStatus"),
        (
            SYNC,
            "tape",
            "TapeMethods",
            "def listen(self, channel: str, voice_stream: ByteSource) -> tuple[messages.Tape, ResponseStream[messages.Sound]]",
        ),
        (
            CORE,
            "services",
            "FileSystemServicer",
            "async def get_free_space(self, request: messages.PathRequest, /) -> messages.GetFreeSpaceResponse",
        ),
        (CORE, "services", "FileSystemServicer", "def watch(self, request: messages.PathRequest, /) -> AsyncIterator[messages.WatchEvent]"),
        (
            CORE,
            "services",
            "TapeServicer",
            "def listen(self, requests: AsyncIterator[messages.ListenRequest], /) -> AsyncIterator[messages.Sound]",
        ),
    ],
)
def test_every_new_method_is_there(extended: Path, folder: str, module: str, owner: str, signature: str) -> None:
    methods = _methods(extended / folder / f"{module}.py", owner)
    name = signature.split("def ")[1].split("(")[0]
    assert _signature(methods[name]) == signature


@pytest.mark.parametrize("folder", [CORE, SYNC])
def test_a_new_method_says_what_it_does(extended: Path, folder: str) -> None:
    docstring = ast.get_docstring(_methods(extended / folder / "filesystem.py", "FileSystemMethods")["get_free_space"])
    assert docstring == (
        'Tell how much more fits on what a path is on, called its "free space".\n'
        "\n"
        "Args:\n"
        "    path: The path; if relative, it is resolved against the working directory.\n"
        "\n"
        "Returns:\n"
        "    The free space in bytes.\n"
        "\n"
        "Raises:\n"
        "    NoSuchPathException: Nothing exists at the path, or its directory does not exist.\n"
        "\n"
        "Source: rpc ``xenon.FileSystemService/getFreeSpace``."
    )


def test_what_the_words_end_in_comes_through(extended: Path) -> None:
    tree = ast.parse((extended / CORE / "messages.py").read_text(encoding="utf-8"))
    docs = {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.ClassDef)}
    words, _, fields = docs["WatchEvent"].partition("\n\nAttributes:\n")
    assert words == 'Something that happened; the pattern is \\d+, and it ends in "quotes"'
    assert fields.splitlines()[0] == "    path (Path | None): Where it happened."
    proto = (extended / "protos/xenon.proto").read_text(encoding="utf-8")
    assert '\n// Something that happened; the pattern is \\d+, and it ends in "quotes"\nmessage WatchEvent {\n' in proto


def test_the_codec_reads_and_writes_what_is_new(extended: Path) -> None:
    code = """
from pyxenon_core import messages
from pyxenon_core._generated import codec
from pyxenon_core.services import RPCS
request = messages.ImportRequest(
    tape=messages.Tape(id="t"), from_=messages.FileSystem(id="f"), class_="c", speed=0, level=messages.Level.HIGH,
    passes=[messages.Level.LOW, messages.Level.HIGH], labels={"a": "b"}, default_credential=messages.DefaultCredential(),
)
encoded = codec.encode_import_request(request)
assert codec.parse_import_request(encoded) == request == messages.ImportRequest.parse(encoded)
assert encoded == bytes.fromhex("0a030a0174 12030a0166 1a0163 2000 2801 32020001 3a060a0161120162 4a00"), encoded.hex()
assert codec.parse_import_request(b"").speed is None
event = messages.WatchEvent(links={"a": messages.Path(path="/a")})
assert codec.parse_watch_event(codec.encode_watch_event(event)) == event
response = messages.ImportResponse(files=-(2**63))
assert codec.parse_import_response(codec.encode_import_response(response)) == response
rpc = RPCS["/xenon.TapeService/listen"]
assert (rpc.service, rpc.name, rpc.client_streaming, rpc.server_streaming) == ("tape", "listen", True, True)
assert "/xenon.FileSystemService/getFreeSpace" in RPCS
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=_environment(extended), cwd=extended, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
