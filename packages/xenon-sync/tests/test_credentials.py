"""Credentials: a wrong one is a clear error, and none is ever shown."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import traceback

import pytest

import xenon
from xenon.exceptions import InvalidCredentialException, UnknownAdaptorException, UnknownPropertyException

SECRET = "correct-horse-battery"


def test_an_adaptor_that_does_not_exist(session: xenon.Session) -> None:
    with pytest.raises(UnknownAdaptorException, match="create 'nonsense' failed: Adaptor 'nonsense' not found"):
        xenon.FileSystem.create("nonsense")


def test_a_credential_that_the_adaptor_does_not_take(session: xenon.Session) -> None:
    with pytest.raises(InvalidCredentialException, match="create 'file'") as caught:
        xenon.FileSystem.create("file", password_credential=xenon.PasswordCredential("me", SECRET))
    assert SECRET not in str(caught.value)


def test_a_credential_in_the_wrong_place_or_two_at_once(session: xenon.Session) -> None:
    with pytest.raises(TypeError, match="certificate_credential must be a CertificateCredential, not PasswordCredential"):
        xenon.FileSystem.create("sftp", "h", certificate_credential=xenon.PasswordCredential())  # type: ignore[arg-type]  # under test
    with pytest.raises(ValueError, match="takes one credential, but password_credential and default_credential are given"):
        xenon.FileSystem.create("sftp", "h", password_credential=xenon.PasswordCredential(), default_credential=xenon.DefaultCredential())


def test_a_location_that_nobody_answers_at(session: xenon.Session) -> None:
    with pytest.raises(xenon.XenonError, match=r"create '127\.0\.0\.1:1' \(sftp adaptor\) failed: .* Check that the location") as caught:
        xenon.FileSystem.create("sftp", "127.0.0.1:1", password_credential=xenon.PasswordCredential("me", SECRET))
    assert SECRET not in str(caught.value)


def test_properties_that_are_unknown_or_no_text(session: xenon.Session) -> None:
    with pytest.raises(UnknownPropertyException, match="Unknown property nonsense"):
        xenon.FileSystem.create("file", properties={"nonsense": "1"})
    with pytest.raises(TypeError, match=r"properties\['nonsense'\] must be a str, not int"):
        xenon.FileSystem.create("file", properties={"nonsense": 1})  # type: ignore[dict-item]  # the mistake under test


def test_no_secret_is_shown_by_what_holds_it() -> None:
    password = xenon.PasswordCredential(username="me", password=SECRET)
    certificate = xenon.CertificateCredential(certfile="/key", username="me", passphrase=SECRET)
    entries = {"jump": xenon.UserCredential(password_credential=password)}
    for holder in (password, certificate, xenon.CredentialMap(entries=entries, certificate_credential=certificate)):
        for text in (repr(holder), str(holder), f"{holder}"):
            assert SECRET not in text
            assert "***" in text
    assert password.password == SECRET


EVERYTHING_LOGGED = f"""
    import logging, sys, traceback, psutil
    logging.basicConfig(level=logging.DEBUG)
    import xenon
    secret = {SECRET!r}
    with xenon.init(log_level="DEBUG", target=sys.argv[1]):
        print([child.cmdline() for child in psutil.Process().children(recursive=True)])
        for make in (xenon.FileSystem.create, xenon.Scheduler.create):
            for adaptor, credential in [
                ("sftp", {{"password_credential": xenon.PasswordCredential("me", secret)}}),
                ("ssh", {{"certificate_credential": xenon.CertificateCredential("/no/key", secret, "me")}}),
                ("ftp", {{"password_credential": xenon.PasswordCredential("me", secret)}}),
                ("file", {{"password_credential": xenon.PasswordCredential("me", secret)}}),
            ]:
                try:
                    make(adaptor, "127.0.0.1:1", **credential)
                except xenon.XenonError:
                    traceback.print_exc()
"""


@pytest.mark.parametrize("target", ["embedded:", pytest.param("java:", marks=pytest.mark.java)])
def test_no_secret_reaches_a_log_a_traceback_or_an_argument_list(target: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(EVERYTHING_LOGGED), target], capture_output=True, text=True, timeout=120, check=True
    )
    assert "PRIVATE KEY" not in done.stdout + done.stderr
    assert done.stderr.count("failed: ") >= 8
    # The traceback shows this program's own source, where the secret is written down once, for as many lines as it quotes.
    shown = [line for line in (done.stdout + done.stderr).splitlines() if SECRET in line]
    assert shown == []


def test_no_secret_is_in_the_frames_of_an_error(session: xenon.Session) -> None:
    """A report of a failed test shows the arguments and variables of each frame, of causes too."""
    with pytest.raises(xenon.XenonError) as caught:
        xenon.FileSystem.create("ftp", "127.0.0.1:1", password_credential=xenon.PasswordCredential("me", SECRET))
    frames = [
        frame.locals
        for error in (caught.value, caught.value.__cause__, caught.value.__context__)
        if error is not None
        for frame in traceback.TracebackException.from_exception(error, capture_locals=True).stack[1:]
    ]
    assert frames
    assert SECRET not in repr(frames)


def test_the_log_of_the_server_goes_to_its_own_logger(session: xenon.Session) -> None:
    assert logging.getLogger("xenon.server").parent is logging.getLogger("xenon")
