"""The WebDAV server, as curl sees it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pyxenon_testing.servers.server import Server

CONTENT = bytes(range(256)) * 4096
Request = Callable[..., tuple[int, bytes]]


@pytest.fixture
def request_of(
    xenon_webdav: Server, curl: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path
) -> Callable[..., tuple[int, bytes]]:
    """Sends a request with curl, and gives the answer's status (0 without an answer) and body."""

    def send(method: str, path: str, *arguments: str, content: bytes | None = None, password: str | None = None) -> tuple[int, bytes]:
        body = []
        if content is not None:
            (tmp_path / "body").write_bytes(content)
            body = ["--data-binary", f"@{tmp_path / 'body'}", "--header", "Content-Type: application/octet-stream"]
        how = ["--request", method, "--output", str(tmp_path / "answer"), "--write-out", "%{http_code}"]
        (tmp_path / "answer").write_bytes(b"")
        location = xenon_webdav.files.location if xenon_webdav.files else ""
        done = curl(xenon_webdav, *how, *body, *arguments, f"{location}/{path}", password=password)
        return int(done.stdout), (tmp_path / "answer").read_bytes()

    return send


def names(listing: bytes) -> list[str]:
    """The paths that a listing of a directory has."""
    return re.findall(r"<D:href>([^<]*)</D:href>", listing.decode())


def test_a_file_goes_there_is_listed_comes_back_and_goes_away(request_of: Request) -> None:
    assert request_of("MKCOL", "round-trip")[0] == 201
    assert request_of("PUT", "round-trip/first", content=CONTENT)[0] == 201
    status, listing = request_of("PROPFIND", "round-trip", "--header", "Depth: 1")
    assert status == 207
    assert names(listing) == ["/round-trip/", "/round-trip/first"]
    assert f"<lp1:getcontentlength>{len(CONTENT)}<" in listing.decode()
    assert request_of("GET", "round-trip/first") == (200, CONTENT)
    assert request_of("DELETE", "round-trip/first")[0] == 204
    assert request_of("GET", "round-trip/first")[0] == 404
    assert request_of("DELETE", "round-trip")[0] == 204
    assert request_of("PROPFIND", "round-trip", "--header", "Depth: 0")[0] == 404


def test_a_file_is_copied_and_moved(request_of: Request, xenon_webdav: Server) -> None:
    location = xenon_webdav.files.location if xenon_webdav.files else ""
    request_of("PUT", "origin", content=b"moving")
    assert request_of("COPY", "origin", "--header", f"Destination: {location}/copied")[0] == 201
    assert request_of("MOVE", "origin", "--header", f"Destination: {location}/moved")[0] == 201
    assert request_of("GET", "origin")[0] == 404
    assert request_of("GET", "copied") == request_of("GET", "moved") == (200, b"moving")


def test_a_directory_without_a_slash_is_no_redirection(request_of: Request) -> None:
    assert request_of("MKCOL", "no-slash")[0] == 201
    assert request_of("PROPFIND", "no-slash", "--header", "Depth: 0")[0] == 207
    assert request_of("GET", "no-slash")[0] == 200


def test_a_lock_keeps_others_from_writing(request_of: Request) -> None:
    body = b'<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>' + (
        b"<D:locktype><D:write/></D:locktype></D:lockinfo>"
    )
    request_of("PUT", "locked", content=b"before")
    status, answer = request_of("LOCK", "locked", "--header", "Content-Type: application/xml", content=body)
    assert status == 200
    token = re.findall(r"opaquelocktoken:[^<]*", answer.decode())[0]
    assert request_of("PUT", "locked", content=b"after")[0] == 423
    assert request_of("UNLOCK", "locked", "--header", f"Lock-Token: <{token}>")[0] == 204
    assert request_of("PUT", "locked", content=b"after")[0] == 204


def test_the_files_are_the_accounts_on_its_disk(request_of: Request, xenon_webdav: Server) -> None:
    request_of("PUT", "owned", content=b"1")
    owner = xenon_webdav.container.execute(["stat", "-c", "%U", f"/home/{xenon_webdav.username}/owned"])
    assert owner == f"{xenon_webdav.username}\n"


@pytest.mark.parametrize("method", ["GET", "PUT", "PROPFIND", "DELETE"])
def test_a_wrong_password_is_refused(request_of: Request, method: str) -> None:
    assert request_of("PUT", "guarded", content=b"kept")[0] in (201, 204)
    assert request_of(method, "guarded", content=b"stolen" if method == "PUT" else None, password="wrong")[0] == 401
    assert request_of("GET", "guarded") == (200, b"kept")


def test_after_a_restart_it_serves_what_it_had(request_of: Request, xenon_webdav: Server, eventually: Callable[..., bool]) -> None:
    request_of("PUT", "kept", content=b"from before")
    xenon_webdav.faults.restart_daemon()
    assert eventually(lambda: request_of("GET", "kept")[0] != 0)
    assert request_of("GET", "kept") == (200, b"from before")


def test_a_stopped_server_serves_nobody(request_of: Request, xenon_webdav: Server, eventually: Callable[..., bool]) -> None:
    with xenon_webdav.faults.stopped():
        assert request_of("PROPFIND", "", "--header", "Depth: 0")[0] == 0
    assert eventually(lambda: request_of("PROPFIND", "", "--header", "Depth: 0")[0] == 207)


def test_a_full_disk_takes_nothing_more_until_it_is_freed(request_of: Request, xenon_webdav: Server) -> None:
    with xenon_webdav.faults.full_disk():
        assert request_of("PUT", "too-much", content=CONTENT)[0] >= 500
    assert request_of("PUT", "too-much", content=CONTENT)[0] in (201, 204)
    assert request_of("GET", "too-much") == (200, CONTENT)


def test_its_log_says_what_it_was_asked_and_no_password(request_of: Request, xenon_webdav: Server, eventually: Callable[..., bool]) -> None:
    request_of("GET", "asked-for")
    assert eventually(lambda: '"GET /asked-for HTTP/1.1" 404' in xenon_webdav.container.log())
    assert xenon_webdav.password not in xenon_webdav.container.log()
