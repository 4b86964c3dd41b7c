"""Whose container it is, and what becomes of those whose owner has ended."""

from __future__ import annotations

import platform
import subprocess
import sys
import uuid

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenon_testing.engine.connection import connect_engine
from xenon_testing.engine.ownership import Owner, owned_containers, remove_containers
from xenon_testing.servers.running import Servers, prune, session_folder

NAMES = st.from_regex(r"[A-Za-z0-9.@:-]{1,30}", fullmatch=True)


@given(session=NAMES, node=NAMES, pid=st.integers(1, 2**22), started=st.integers(0, 2**40))
def test_an_owner_comes_back_from_its_label(session: str, node: str, pid: int, started: int) -> None:
    owner = Owner(session, node, pid, started / 100)
    assert Owner.parse(session, str(owner)) == owner


def test_a_person_comes_back_from_the_label() -> None:
    assert Owner.parse("one", str(Owner("one"))) == Owner("one")


@pytest.mark.parametrize("text", ["", "12", "x:1.0@node", "12:x@node"])
def test_a_label_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        Owner.parse("one", text)


def test_this_process_lives_and_one_that_has_ended_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owner = Owner("one", platform.node(), child.pid, psutil.Process(child.pid).create_time())
        assert not owner.is_gone()
    assert owner.is_gone()
    assert not Owner.this_process("one").is_gone()


def test_a_later_process_with_the_same_pid_is_not_the_owner() -> None:
    this = Owner.this_process("one")
    assert Owner("one", this.node, this.pid, this.started - 60).is_gone()


@pytest.mark.parametrize("owner", [Owner("one"), Owner("one", "another-machine", 2**22, 1.0)])
def test_a_person_and_another_machine_are_left_alone(owner: Owner) -> None:
    assert not owner.is_gone()


def test_what_has_no_living_owner_is_removed_and_nothing_else(servers: Servers) -> None:
    server = servers.get("ssh")
    lost = Owner(uuid.uuid4().hex, platform.node(), 2**22, 1.0)
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
