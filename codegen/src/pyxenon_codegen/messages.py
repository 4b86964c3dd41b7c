"""Run the betterproto2 compiler and adapt what it writes.

The compiled classes get our base classes (which hide secrets and refuse unknown attributes), a list of their fields in the docstring, the
names that protobuf itself gives to nested enumerations (``JobStatus.ErrorType``, ``CopyRequest.CREATE``), and their constructors. The
check of betterproto2's version is removed: it would take a quarter of the time of each import.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from pyxenon_codegen.errors import CodegenError
from pyxenon_codegen.model import Interface, Message
from pyxenon_codegen.overrides import BASE_CLASSES
from pyxenon_codegen.render import docstring

_PLUGIN_OPTIONS = ("client_generation=none", "server_generation=none")
_PLUGIN = "protoc-gen-python_betterproto2"
_CLASS = re.compile(r"^@dataclass\(eq=False, repr=False\)\nclass (\w+)\(betterproto2\.Message\):\n", re.MULTILINE)
_VERSION_CHECK = re.compile(r'^_COMPILER_VERSION = ".*"\nbetterproto2\.check_compiler_version\(_COMPILER_VERSION\)\n', re.MULTILINE)
_IMPORTS = """
import os
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Never

from pyxenon_core.betterproto import betterproto2
from pyxenon_core.message import Enumeration, Identity, Message, default_message_pool, unknown_field
from pyxenon_core.paths import StrPath
from pyxenon_core.reports import JobReport
from pyxenon_core.wire import strings, text
"""
_ENUM_CLASS = re.compile(r"^(class \w+)\(betterproto2\.Enum\):\n", re.MULTILINE)
_DOCSTRING = re.compile(r'^class (\w+)\(.*\):\n    """\n(?:.*\n)*?(?=    """\n)', re.MULTILINE)
_ONEOFS = re.compile(r"\n    Oneofs:\n(?:        .*\n)+")
_END_OF_CLASS = "\n\ndefault_message_pool.register_message("


def compile_messages(proto: Path, package: str) -> str:
    """Return the source that betterproto2's compiler generates from *proto*; raises :class:`CodegenError` with its output if it fails."""
    with tempfile.TemporaryDirectory(prefix="xenon-codegen-") as folder:
        Path(folder, "ruff.toml").touch()  # the compiler formats its output by the configuration in its working directory
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{proto.parent}", f"--plugin={_plugin_path()}"]
        command += [f"--python_betterproto2_out={folder}", *(f"--python_betterproto2_opt={option}" for option in _PLUGIN_OPTIONS)]
        done = subprocess.run([*command, proto.name], capture_output=True, text=True, env=_environment(), check=False, cwd=folder)
        if done.returncode != 0:
            raise CodegenError(f"betterproto2's compiler failed on {proto}:\n{done.stderr}")
        return Path(folder, package, "__init__.py").read_text(encoding="utf-8")


def mend_messages(source: str, interface: Interface, constructors: dict[str, str]) -> str:
    """Give the compiled *source* its base classes, docstrings, nested names and the *constructors*, by message name.

    Raises :class:`CodegenError` if the compiler has chosen other names than the model.
    """
    _require_names(source, interface)
    source, checks = _VERSION_CHECK.subn("", source.replace("\nimport betterproto2\n", "\n"))
    if checks != 1:
        raise CodegenError("betterproto2's compiler has changed how it checks its version; adapt messages.py to what it writes")
    by_name = {message.name: message for message in interface.messages}
    source = source.replace("from ..message_pool import default_message_pool", _IMPORTS)
    source = _CLASS.sub(lambda match: _class_header(by_name[match[1]], match[1] in constructors), source)
    source = _ENUM_CLASS.sub(r"\1(Enumeration):\n", source)
    attributes = {message.name: message.attributes for message in interface.messages}
    attributes.update((enum.class_name, enum.attributes) for enum in interface.all_enums)
    source = _DOCSTRING.sub(lambda match: _ONEOFS.sub("", match[0]) + _attributes(attributes.get(match[1], "")), source)
    for name, constructor in constructors.items():
        source = _append_to_class(source, name, constructor)
    for message in interface.messages:
        if message.enums:
            source = _append_to_class(source, message.name, _nested_names(message))
    return source


def _require_names(source: str, interface: Interface) -> None:
    """Raise if the compiler has renamed something, such as values that begin with the name of their enumeration."""
    wanted = {message.name: [field.python_name for field in message.fields] for message in interface.messages}
    wanted.update({enum.class_name: [value.name for value in enum.values] for enum in interface.all_enums})
    found = {node.name: _assigned_names(node) for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
    lost = [owner for owner in wanted if owner not in found]
    lost += [f"{owner}.{name}" for owner, names in wanted.items() if owner in found for name in names if name not in found[owner]]
    if lost:
        raise CodegenError(f"betterproto2's compiler gives other names to {', '.join(lost)}; teach the model those names")


def _assigned_names(node: ast.ClassDef) -> set[str]:
    annotated = [line.target for line in node.body if isinstance(line, ast.AnnAssign)]
    plain = [target for line in node.body if isinstance(line, ast.Assign) for target in line.targets]
    return {target.id for target in annotated + plain if isinstance(target, ast.Name)}


def _plugin_path() -> Path:
    path = Path(sys.executable).parent / _PLUGIN
    if not path.exists():
        raise CodegenError(f"{_PLUGIN} is not installed beside {sys.executable}; install betterproto2-compiler in this environment")
    return path


def _environment() -> dict[str, str]:
    """Return an environment whose PATH begins with this one's ruff, which the compiler formats its output with."""
    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", "")}


def _class_header(message: Message, has_constructor: bool) -> str:
    base = BASE_CLASSES.get(message.name) or ("Identity" if message.is_identity else "Message")
    init = ", init=False" if has_constructor else ""
    return f"@dataclass(eq=False, repr=False{init})\nclass {message.name}({base}):\n"


def _attributes(section: str) -> str:
    return f"\n    {docstring(section, 4).rstrip()}\n" if section else ""


def _nested_names(message: Message) -> str:
    lines: list[str] = []
    for enum in message.enums:
        lines.append(f"    {enum.nested_name} = {enum.class_name}")
        lines += [f"    {value.name} = {enum.class_name}.{value.name}" for value in enum.values]
    return "\n".join(lines)


def _append_to_class(source: str, name: str, text: str) -> str:
    start = re.search(rf"^class {name}\(", source, re.MULTILINE)
    if start is None:
        raise CodegenError(f"betterproto2's compiler wrote no class {name}")
    end = source.index(_END_OF_CLASS, start.end())
    return source[:end].rstrip() + "\n\n" + text.rstrip() + "\n" + source[end:]
