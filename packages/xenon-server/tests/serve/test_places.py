"""Where a server listens: the folder of a socket, what is at its path already, and ports that are taken."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from serve_servants import Services

import pyxenon_core
from pyxenon_core.errors import ServerStartError
from pyxenon_server.grpc import sockets
from pyxenon_server.grpc.serving import GrpcServer, Listening
from pyxenon_server.grpc.sockets import Port, UnixSocket, UnsafeFolderError, is_loopback


def serve_at(listening: Listening) -> None:
    """Start and stop a server there, after a call to it."""

    async def work() -> None:
        server = GrpcServer(Services().servicers)
        await server.start(listening)
        try:
            [place] = server.places
            target = str(place) if isinstance(place, UnixSocket) else f"grpc://{place.host}:{place.number}"
            async with await pyxenon_core.connect(target) as client:
                assert await client.filesystems.get_adaptor_names() == ["file"]
        finally:
            await server.stop(0)

    asyncio.run(work())


# --- Unix sockets ------------------------------------------------------------------------------------------------------------------------


def test_the_folder_of_a_socket_is_made_for_its_owner_alone(folder: Path) -> None:
    path = folder / "some" / "where" / "s.sock"
    server_saw: list[int] = []

    async def work() -> None:
        server = GrpcServer(Services().servicers)
        await server.start(Listening(socket=UnixSocket.at(path)))
        server_saw.append(stat.S_IMODE(path.lstat().st_mode))
        await server.stop(0)

    asyncio.run(work())
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert server_saw == [0o600]
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o750, 0o755, 0o770, 0o777, 0o1777])
def test_a_folder_that_others_can_enter_is_refused_and_left_as_it_is(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    with pytest.raises(UnsafeFolderError, match=rf"other users can enter .*\(mode .*chmod 700 {folder}"):
        serve_at(Listening(socket=UnixSocket.at(folder / "s.sock")))
    assert stat.S_IMODE(folder.stat().st_mode) == mode
    assert list(folder.iterdir()) == []


def test_a_folder_of_somebody_else_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(UnsafeFolderError, match="belongs to another user"):
        serve_at(Listening(socket=UnixSocket.at(folder / "s.sock")))


def test_what_is_no_folder_is_told(folder: Path) -> None:
    (folder / "file").touch()
    for path in (folder / "file" / "s.sock", folder / "file" / "x" / "s.sock"):
        with pytest.raises(ServerStartError, match=r"the socket's directory.*(is not a directory|: File exists)"):
            serve_at(Listening(socket=UnixSocket.at(path)))


def test_a_socket_that_a_dead_server_left_is_replaced(folder: Path) -> None:
    path = folder / "s.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    serve_at(Listening(socket=UnixSocket.at(path)))
    assert not path.exists()


def test_the_socket_of_a_living_server_is_left_alone(folder: Path) -> None:
    path = folder / "s.sock"
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(path))
        alive.listen()
        before = path.lstat().st_ino
        with pytest.raises(ServerStartError, match=f"cannot listen on unix://{path}: a server is already listening there"):
            serve_at(Listening(socket=UnixSocket.at(path)))
        assert path.lstat().st_ino == before


def test_of_two_servers_that_start_at_once_one_serves(folder: Path) -> None:
    place = UnixSocket.at(folder / "s.sock")
    place.path.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place.path))
    outcomes: list[str] = []
    lines: list[socket.socket] = []
    barrier = threading.Barrier(8)

    def open_one(address: str) -> int:
        line = socket.socket(socket.AF_UNIX)
        place.path.unlink(missing_ok=True)  # as gRPC does
        line.bind(str(place.path))
        line.listen()
        lines.append(line)
        return 1

    def start() -> None:
        barrier.wait()
        try:
            place.open(open_one)
            outcomes.append("serves")
        except ServerStartError:
            outcomes.append("refused")

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for line in lines:
        line.close()
    assert sorted(outcomes) == ["refused"] * 7 + ["serves"]


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir])
def test_what_is_no_socket_is_not_touched(folder: Path, make: object) -> None:
    path = folder / "s.sock"
    make(path)  # type: ignore[operator]
    with pytest.raises(ServerStartError, match="the path exists and is not a socket"):
        serve_at(Listening(socket=UnixSocket.at(path)))
    assert path.exists() and not path.is_socket()


def test_a_link_to_another_socket_is_not_followed(folder: Path) -> None:
    (folder / "s.sock").symlink_to(folder / "other.sock")
    with pytest.raises(ServerStartError, match="the path exists and is not a socket"):
        serve_at(Listening(socket=UnixSocket.at(folder / "s.sock")))


def as_somebody_else(work: Callable[[], object]) -> str:
    """What *work* raises in a fork that is not the administrator's; the user of this process must be."""
    reading, writing = os.pipe()
    if child := os.fork():
        os.close(writing)
        with os.fdopen(reading) as said:
            words = said.read()
        os.waitpid(child, 0)
        return words
    try:
        os.setuid(65534)
        work()
    except BaseException as error:  # noqa: BLE001 - told to the parent, whatever it is
        os.write(writing, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(0)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")


@needs_root
@pytest.mark.parametrize("mode", [0o000, 0o300, 0o400, 0o500, 0o600])
def test_a_folder_that_its_owner_cannot_use_is_told(folder: Path, mode: int) -> None:
    folder.chmod(0o755)
    run = folder / "run"
    run.mkdir()
    run.chmod(mode)
    os.chown(run, 65534, 65534)
    said = as_somebody_else(lambda: UnixSocket.at(run / "s.sock").open(lambda _: 0))
    assert said == f"ServerStartError: the socket's directory {run} cannot be used (mode {mode:03o}). Run chmod 700 {run}."


@needs_root
@pytest.mark.parametrize("is_live", [True, False])
def test_the_socket_of_another_user_is_left_alone(folder: Path, is_live: bool) -> None:
    folder.chmod(0o700)
    path = folder / "s.sock"
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(path))
        path.chmod(0o600)
        os.chown(folder, 65534, 65534)
        if is_live:
            theirs.listen()
        said = as_somebody_else(lambda: UnixSocket.at(path).open(lambda _: 0))
    assert said.startswith(f"ServerStartError: cannot listen on unix://{path}: no permission to use the socket that exists there. Stop")
    assert path.is_socket()


def test_a_path_that_cannot_be_made_absolute_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ServerStartError, match="cannot make the socket's path ~nobody.at.all/s absolute"):
        UnixSocket.at("~nobody.at.all/s")
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ServerStartError, match=r"cannot make the socket's path s\.sock absolute"):
        UnixSocket.at("s.sock")


def test_a_path_that_is_too_long_is_told(folder: Path) -> None:
    with pytest.raises(ServerStartError, match="is longer than 10[37] bytes"):
        UnixSocket.at(folder / ("x" * 120))


def test_the_longest_path_that_is_taken_serves(folder: Path) -> None:
    name = "x" * (sockets._LONGEST_SOCKET_PATH - len(os.fsencode(folder)) - 1)
    serve_at(Listening(socket=UnixSocket.at(folder / name)))


@pytest.mark.parametrize("name", ["a b.sock", "50%.sock", "ü.sock", "a?b#c.sock", "a:b.sock"])
def test_a_path_may_have_any_letters(folder: Path, name: str) -> None:
    """A client of its own is used, as a target is a URL in which some of them would have to be written otherwise."""
    place = UnixSocket.at(folder / name)

    async def work() -> None:
        server = GrpcServer(Services().servicers)
        await server.start(Listening(socket=place))
        assert (await asyncio.to_thread(os.listdir, folder)) == [name]
        await server.stop(0)

    asyncio.run(work())
    assert list(folder.iterdir()) == []


def test_a_relative_path_is_meant_from_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert UnixSocket.at("run/s.sock").path == folder / "run" / "s.sock"
    monkeypatch.setenv("HOME", "/home/you")
    assert UnixSocket.at("~/s.sock").path == Path("/home/you/s.sock")


def test_the_socket_of_a_successor_is_not_removed(folder: Path) -> None:
    path = folder / "s.sock"

    async def work() -> None:
        server = GrpcServer(Services().servicers)
        await server.start(Listening(socket=UnixSocket.at(path)))
        path.unlink()
        path.write_text("another's")
        server.remove_socket()

        assert path.read_text() == "another's"
        path.unlink()
        await server.stop(0)

    asyncio.run(work())


# --- ports -------------------------------------------------------------------------------------------------------------------------------


HAS_IPV6 = socket.has_ipv6 and Path("/proc/net/if_inet6").exists() and bool(Path("/proc/net/if_inet6").read_text())
needs_ipv6 = pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("localhost", ["127.0.0.1"]),
        ("0.0.0.0", ["127.0.0.1", "127.0.0.2"]),
        pytest.param("::1", ["::1"], marks=needs_ipv6),
        pytest.param("::", ["::1", "127.0.0.1"], marks=needs_ipv6),
    ],
)
def test_a_free_port_is_found_and_reached(host: str, reached: list[str]) -> None:
    async def work() -> None:
        server = GrpcServer(Services().servicers)
        await server.start(Listening(port=Port(host, 0)))
        [place] = server.places
        assert isinstance(place, Port)
        for address in reached:
            name = f"[{address}]" if ":" in address else address
            client = await pyxenon_core.connect(f"grpc://{name}:{place.number}?insecure=yes")
            assert await client.filesystems.get_adaptor_names() == ["file"]
            await client.close()
        await server.stop(0)

    asyncio.run(work())


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_what_listens_on_one_address_is_not_on_others(host: str) -> None:
    async def work() -> None:
        server = GrpcServer(Services().servicers)
        await server.start(Listening(port=Port(host, 0)))
        [place] = server.places
        assert isinstance(place, Port)
        for address in {"127.0.0.1", "127.0.0.2", "::1"} - {host}:
            with pytest.raises(OSError, match=r"Connection refused|Address family|Cannot assign|unreachable"):
                socket.create_connection((address, place.number), timeout=60)
        await server.stop(0)

    asyncio.run(work())


def test_a_port_in_use_is_told_and_what_to_do(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(ServerStartError, match=rf"cannot listen on port {number} of 127\.0\.0\.1: Address already in use\. End"):
            serve_at(Listening(port=Port("127.0.0.1", number)))


@needs_ipv6
@pytest.mark.parametrize("taken_at", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_every_address_is_refused_where_one_is_taken_with_the_reason(taken_at: str) -> None:
    with socket.create_server((taken_at, 0), family=socket.AF_INET6 if ":" in taken_at else socket.AF_INET) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(ServerStartError, match=rf"cannot listen on port {number} of ::: Address already in use\. End"):
            serve_at(Listening(port=Port("::", number)))


@pytest.mark.parametrize("turns", range(12))
def test_a_start_that_is_cancelled_leaves_nothing_open(folder: Path, turns: int) -> None:
    async def work() -> list[str]:
        complaints: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(str(context)))
        server = GrpcServer(Services().servicers)
        starting = asyncio.ensure_future(server.start(Listening(socket=UnixSocket.at(folder / "run" / "s.sock"))))
        for _ in range(turns):
            await asyncio.sleep(0)
        if starting.cancel():
            with pytest.raises(asyncio.CancelledError):
                await starting
        await server.stop(0)
        return complaints

    assert asyncio.run(work()) == []
    assert list(folder.rglob("*.sock")) == []


def test_two_servers_do_not_share_a_port() -> None:
    async def work() -> None:
        first, second = GrpcServer(Services().servicers), GrpcServer(Services().servicers)
        await first.start(Listening(port=Port("127.0.0.1", 0)))
        [place] = first.places
        assert isinstance(place, Port)
        with pytest.raises(ServerStartError, match="Address already in use"):
            await second.start(Listening(port=place))
        await first.stop(0)

    asyncio.run(work())


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        pytest.param(
            "192.0.2.1",
            r"Cannot assign requested address\. Choose another --host; this is not an address of this machine",
            id=r"192.0.2.1-Cannot assign requested address\. It is no address of this machine",
        ),
        ("no.such.host.invalid", "there is no such host"),
    ],
)
def test_a_host_that_is_not_here_is_told(host: str, reason: str) -> None:
    with pytest.raises(ServerStartError, match=reason):
        serve_at(Listening(port=Port(host, 0)))


@pytest.mark.parametrize(
    ("host", "expected"), [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False), ("::", False)]
)
def test_what_is_loopback_is_known(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_port_and_a_socket_may_be_served_at_once(folder: Path) -> None:
    async def work() -> None:
        server = GrpcServer(Services().servicers)
        await server.start(Listening(port=Port("127.0.0.1", 0), socket=UnixSocket.at(folder / "s.sock")))
        port, place = server.places
        assert isinstance(port, Port)
        for target in (f"grpc://127.0.0.1:{port.number}", str(place)):
            async with await pyxenon_core.connect(target) as client:
                assert await client.filesystems.get_adaptor_names() == ["file"]
        await server.stop(0)

    asyncio.run(work())


def test_nothing_is_left_when_one_of_two_cannot_be_opened(folder: Path) -> None:
    folder.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = Port("127.0.0.1", free.getsockname()[1])

    async def work() -> None:
        server = GrpcServer(Services().servicers)
        with pytest.raises(UnsafeFolderError):
            await server.start(Listening(port=port, socket=UnixSocket.at(folder / "s.sock")))
        assert server.places == []
        with pytest.raises(ConnectionRefusedError):
            port.connect()

    asyncio.run(work())
