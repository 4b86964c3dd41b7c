"""The suite leaves out no RPC."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from pyxenon_core.rpc import Rpc
from pyxenon_core.services import RPCS

TREES = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(Path(__file__).parent.glob("test_*.py"))]
CALLED = {node.attr for tree in TREES for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_there_are_fifty_nine() -> None:
    assert len(RPCS) == 59


@pytest.mark.parametrize("rpc", RPCS.values(), ids=lambda rpc: rpc.path.rpartition(".")[2])
def test_each_is_called(rpc: Rpc[Any, Any]) -> None:
    assert rpc.name in CALLED
