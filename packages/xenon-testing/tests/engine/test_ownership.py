"""Whose container it is, and what becomes of those whose owner has ended."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid

import attrs
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_testing.engine.connection import connect_engine
from pyxenon_testing.engine.ownership import Owner, owned_containers, remove_containers
from pyxenon_testing.engine.processes import Place, start_of, this_place
from pyxenon_testing.servers.running import Servers, prune, session_folder

NAMES = st.from_regex(r"[A-Za-z0-9.@:-]{1,30}", fullmatch=True)


@given(session=NAMES, node=NAMES, boot=NAMES, processes=NAMES, pid=st.integers(1, 2**22), started=st.integers(0, 2**40))
def test_an_owner_comes_back_from_its_label(session: str, node: str, boot: str, processes: str, pid: int, started: int) -> None:
    owner = Owner(session, Place(node, boot, processes), pid, str(started))
    assert Owner.parse(session, str(owner)) == owner


def test_a_person_comes_back_from_the_label() -> None:
    assert Owner.parse("one", str(Owner("one"))) == Owner("one")


@pytest.mark.parametrize("text", ["", "12", "x:1@node/a/b", "12:1@node", "12:1"])
def test_a_label_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        Owner.parse("one", text)


def owner_of(child: subprocess.Popen[bytes]) -> Owner:
    return Owner("one", this_place(), child.pid, start_of(child.pid) or "")


def test_this_process_lives_and_one_that_has_ended_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owner = owner_of(child)
        assert not owner.is_gone()
    assert owner.is_gone()
    assert not Owner.this_process("one").is_gone()


def test_a_process_that_only_waits_to_be_reaped_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = owner_of(child)
    assert not owner.is_gone()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert owner.is_gone()
    child.communicate()


def test_a_later_process_with_the_same_pid_is_not_the_owner() -> None:
    assert attrs.evolve(Owner.this_process("one"), started="1").is_gone()


def test_a_clock_that_is_set_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = Owner.this_process("one")
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: 0.0)
    assert not owner.is_gone()


HERE = this_place()


@pytest.mark.parametrize(
    "owner",
    [
        Owner("one"),
        Owner("one", Place("another-machine", HERE.boot, HERE.processes), 2**22, "1"),
        Owner("one", Place(HERE.node, HERE.boot, "another container"), 2**22, "1"),
    ],
)
def test_what_nothing_is_known_of_is_left_alone(owner: Owner) -> None:
    assert not owner.is_gone()


def test_a_process_from_before_the_machine_was_started_anew_is_gone() -> None:
    assert attrs.evolve(Owner.this_process("one"), place=Place(HERE.node, "another", HERE.processes)).is_gone()


def test_half_an_owner_disturbs_nobody_and_goes_in_time(xenon_container: object) -> None:
    folder = session_folder(Owner(uuid.uuid4().hex, HERE, 2**22, "1"))
    (folder / "owner").write_text("")
    prune(str)
    assert folder.exists()
    os.utime(folder, (0, 0))
    prune(str)
    assert not folder.exists()


def test_what_has_no_living_owner_is_removed_and_nothing_else(servers: Servers) -> None:
    server = servers.get("ssh")
    lost = Owner(uuid.uuid4().hex, HERE, 2**22, "1")
    persons = Owner(uuid.uuid4().hex)
    image = connect_engine().containers.get(server.container.id).image.id
    for owner in (lost, persons):
        connect_engine().containers.create(image, labels=owner.labels())
    folder = session_folder(lost)
    told: list[str] = []
    try:
        assert prune(told.append) >= 1
        assert not owned_containers(lost.session)
        assert not folder.exists()
        assert any("left behind by process 4194304" in line for line in told)
        assert len(owned_containers(persons.session)) == 1
        assert server.container.is_running()
    finally:
        remove_containers(owned_containers(persons.session))
    assert owned_containers(persons.session) == []
