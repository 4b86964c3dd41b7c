"""The FTP server, as Python's own client and curl see it."""

from __future__ import annotations

import contextlib
import ftplib
import io
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pyxenon_testing.servers.ftp import HIGHEST_PORT, LOWEST_PORT, free_ports
from pyxenon_testing.servers.server import Server

CONTENT = bytes(range(256)) * 4096


@contextlib.contextmanager
def login(server: Server, password: str | None = None) -> Iterator[ftplib.FTP]:
    with ftplib.FTP(timeout=30) as client:
        client.connect(server.host, server.port)
        client.login(server.username, server.password if password is None else password)
        yield client


def store(client: ftplib.FTP, name: str, content: bytes = CONTENT) -> None:
    client.storbinary(f"STOR {name}", io.BytesIO(content))


def fetch(client: ftplib.FTP, name: str) -> bytes:
    pieces: list[bytes] = []
    client.retrbinary(f"RETR {name}", pieces.append)
    return b"".join(pieces)


def serves(server: Server) -> bool:
    try:
        with login(server) as client:
            client.nlst()
    except (OSError, EOFError):
        return False
    return True


def test_a_file_goes_there_is_listed_comes_back_and_goes_away(xenon_ftp: Server) -> None:
    with login(xenon_ftp) as client:
        client.mkd("round-trip")
        client.cwd("round-trip")
        store(client, "first")
        client.rename("first", "second")
        assert client.nlst() == ["second"]
        assert client.size("second") == len(CONTENT)
        assert fetch(client, "second") == CONTENT
        client.delete("second")
        assert client.nlst() == []
        client.cwd("..")
        client.rmd("round-trip")
        assert "round-trip" not in client.nlst()


def test_a_file_is_appended_to(xenon_ftp: Server) -> None:
    with login(xenon_ftp) as client:
        store(client, "appended", b"begun ")
        client.storbinary("APPE appended", io.BytesIO(b"and ended"))
        assert fetch(client, "appended") == b"begun and ended"
        client.delete("appended")


def test_a_login_begins_in_the_home_and_its_files_are_the_accounts(xenon_ftp: Server) -> None:
    with login(xenon_ftp) as client:
        assert client.pwd() == f"/home/{xenon_ftp.username}"
        store(client, "owned", b"")
    assert xenon_ftp.container.execute(["stat", "-c", "%U %a", f"/home/{xenon_ftp.username}/owned"]) == f"{xenon_ftp.username} 644\n"


def test_curl_reads_what_curl_wrote(xenon_ftp: Server, curl: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    folder = f"ftp://{xenon_ftp.files.location if xenon_ftp.files else ''}/from-curl/"
    assert curl(xenon_ftp, "--ftp-create-dirs", "--upload-file", str(tmp_path / "file"), folder).returncode == 0
    assert curl(xenon_ftp, f"{folder}file").stdout == CONTENT
    assert curl(xenon_ftp, "--list-only", folder).stdout.split() == [b"file"]


@pytest.mark.timeout(30, func_only=True)
def test_a_wrong_password_is_refused_without_delay(xenon_ftp: Server) -> None:
    for _ in range(40):  # with vsftpd's usual delay of a second they would take longer than the test may
        with pytest.raises(ftplib.error_perm, match="530"), login(xenon_ftp, "wrong"):
            pass


def test_nobody_logs_in_without_an_account(xenon_ftp: Server) -> None:
    with ftplib.FTP(timeout=30) as client, pytest.raises(ftplib.error_perm, match="530"):
        client.connect(xenon_ftp.host, xenon_ftp.port)
        client.login()


def test_transfers_run_side_by_side(xenon_ftp: Server) -> None:
    def round_trip(number: int) -> bool:
        content = bytes([number]) * 500_000
        with login(xenon_ftp) as client:
            for turn in range(5):
                store(client, f"side-{number}-{turn}", content)
                if fetch(client, f"side-{number}-{turn}") != content:
                    return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(round_trip, range(6))) == [True] * 6


def test_after_a_restart_it_serves_what_it_had(xenon_ftp: Server, eventually: Callable[[Callable[[], bool]], bool]) -> None:
    with login(xenon_ftp) as client:
        store(client, "kept", b"from before")
    xenon_ftp.faults.restart_daemon()
    assert eventually(lambda: serves(xenon_ftp))
    with login(xenon_ftp) as client:
        assert fetch(client, "kept") == b"from before"


def test_a_stopped_server_serves_nobody(xenon_ftp: Server, eventually: Callable[[Callable[[], bool]], bool]) -> None:
    with xenon_ftp.faults.stopped():
        assert not serves(xenon_ftp)
    assert eventually(lambda: serves(xenon_ftp))


def test_a_full_disk_takes_nothing_more_until_it_is_freed(xenon_ftp: Server) -> None:
    # Where the server ends the transfer while the client still sends, the client sees that first, and the server's reply when it leaves.
    with pytest.raises((ftplib.Error, OSError)), xenon_ftp.faults.full_disk(), login(xenon_ftp) as client:
        store(client, "too-much")
    with login(xenon_ftp) as client:
        store(client, "too-much")
        assert fetch(client, "too-much") == CONTENT


def test_it_transfers_over_a_slow_line(xenon_ftp: Server) -> None:
    with login(xenon_ftp) as client, xenon_ftp.faults.latency(50):
        store(client, "slow")
        assert fetch(client, "slow") == CONTENT


def test_its_log_says_what_it_was_asked_and_no_password(xenon_ftp: Server) -> None:
    with login(xenon_ftp) as client:
        client.voidcmd("NOOP")
    log = xenon_ftp.container.log()
    assert '"NOOP"' in log
    assert xenon_ftp.password not in log


def test_ports_in_a_row_are_free_ones() -> None:
    ports = free_ports(10)
    assert len(ports) == 10
    assert LOWEST_PORT <= ports[0] < ports[-1] < HIGHEST_PORT


def test_a_range_with_no_room_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyxenon_testing.servers.ftp._is_free", lambda port: port % 10 != 0)
    with pytest.raises(OSError, match="cannot find 10 free ports in a row from 20000 to 32000"):
        free_ports(10)
