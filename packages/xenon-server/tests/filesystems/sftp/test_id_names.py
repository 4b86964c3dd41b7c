"""Who may do what, as far as a server tells, and whose names are known."""

from __future__ import annotations

import pytest

from pyxenon_core.errors import NotConnectedException
from pyxenon_server.filesystems.sftp.id_names import Identity, IdNames
from pyxenon_server.filesystems.sftp.messages import Attributes, Entry
from pyxenon_server.filesystems.sftp.session import SftpSession

ME, ROOT, NOBODY = Identity(1000, frozenset({100})), Identity(0), Identity()


def file(mode: int, uid: int = 1000, gid: int = 100) -> Attributes:
    return Attributes(5, uid, gid, mode, 0, 0)


@pytest.mark.parametrize(
    ("who", "what", "rights"),
    [
        (ME, file(0o740), 7),
        (ME, file(0o047), 0),  # the owner has the owner's rights, and not those of others
        (ME, file(0o740, uid=1), 4),
        (ME, file(0o706, uid=1), 0),
        (ME, file(0o751, uid=1, gid=1), 1),
        (ROOT, file(0o000), 6),
        (ROOT, file(0o001), 7),
        (NOBODY, file(0o600, uid=1), 6),  # whoever is not known is taken for the owner
        (ME, Attributes(mode=0o500), 5),
        (ME, Attributes(), 0),
    ],
)
def test_rights(who: Identity, what: Attributes, rights: int) -> None:
    assert who.rights(what) == rights


@pytest.mark.parametrize(
    ("who", "what", "doubtful"),
    [
        (ME, file(0o640), False),
        (ME, file(0o640, uid=1), False),
        (ME, file(0o640, uid=1, gid=1), True),
        (ME, file(0o644, uid=1, gid=1), False),
        (NOBODY, file(0o755, uid=1), True),
        (NOBODY, file(0o777, uid=1), False),
        (Identity(1000, is_whole=True), file(0o640, uid=1, gid=1), False),
    ],
)
def test_groups_matter_where_they_make_a_difference(who: Identity, what: Attributes, doubtful: bool) -> None:
    assert who.is_doubtful(what) == doubtful


class Silent(SftpSession):
    """A session whose server knows no names, and must not be asked for anything else."""

    async def names_of(self, users: object, groups: object) -> None:
        return None


async def never() -> str:
    raise AssertionError("there was no need to ask")


async def test_names_are_taken_from_what_ls_would_print() -> None:
    names = IdNames(ME, never)
    longname = b"-rw-r--r--    1 ada      domain users        5 Nov 24 18:14 name"
    await names.resolve(Silent(), [Entry(b"name", longname, file(0o644))])
    assert (names.owner(file(0o644)), names.group(file(0o644))) == ("1000", "100")  # a blank in a name makes it unclear
    await names.resolve(Silent(), [Entry(b"name", b"-rw-r--r--    ? ada      users           5 Nov 24 18:14 name", file(0o644))])
    assert (names.owner(file(0o644)), names.group(file(0o644))) == ("ada", "users")
    assert (names.owner(Attributes()), names.group(Attributes())) == ("", "")


async def test_who_the_user_is_is_asked_once() -> None:
    asked: list[str] = []

    async def answer() -> str:
        asked.append("id")
        return "1000\n100 200\n"

    names = IdNames(ME, answer)
    for _ in range(2):
        await names.resolve(Silent(), [Entry(b"", b"", file(0o660, uid=1, gid=200))])
    assert (asked, names.me) == (["id"], Identity(1000, frozenset({100, 200}), is_whole=True))


async def test_a_server_that_runs_no_commands_is_asked_once() -> None:
    async def refuse() -> str:
        asked.append("id")
        raise NotConnectedException("no")

    asked: list[str] = []
    names = IdNames(ME, refuse)
    for _ in range(2):
        await names.resolve(Silent(), [Entry(b"", b"", file(0o660, uid=1, gid=200))])
    assert (asked, names.me.rights(file(0o660, uid=1, gid=200))) == (["id"], 0)
