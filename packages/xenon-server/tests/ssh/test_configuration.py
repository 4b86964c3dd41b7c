"""What the SSH configuration says about a host."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from pyxenon_core.errors import InvalidCredentialException, InvalidPropertyException
from pyxenon_core.messages import PasswordCredential
from pyxenon_server.adaptors.locations import HostPort, SshLocation
from pyxenon_server.ssh import configuration
from pyxenon_server.ssh.configuration import HostConfiguration, Jump, configure
from pyxenon_server.ssh.connecting import Destination, resolve
from pyxenon_server.ssh.settings import SshSettings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without anything of this machine's own configuration."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / "etc").mkdir()
    monkeypatch.setattr(configuration, "SYSTEM", tmp_path / "etc")
    return tmp_path


async def of(folder: Path, host: str, text: str = "", *, port: int | None = None, user: str = "", **settings: object) -> HostConfiguration:
    (folder / ".ssh" / "config").write_text(text, encoding="utf-8")
    return await configure("ssh", folder, SshSettings(**settings), HostPort(host, port), user)  # type: ignore[arg-type]  # by name


async def test_a_host_without_a_configuration(folder: Path) -> None:
    found = await of(folder, "example.org")
    assert (found.address, found.user) == (HostPort("example.org", 22), getpass.getuser())
    assert found.known_hosts_files == (
        folder / ".ssh/known_hosts",
        folder / ".ssh/known_hosts2",
        folder / "etc/ssh_known_hosts",
        folder / "etc/ssh_known_hosts2",
    )
    assert (found.identity_files, found.jumps, found.identities_only, found.agent) == ((), (), False, "")
    assert found.ciphers["encryption_algs"][0] == "aes128-gcm@openssh.com"


async def test_what_the_configuration_names(folder: Path) -> None:
    text = """
        Host cluster
            HostName login.example.org
            Port 2222
            User ada
            IdentityFile ~/.ssh/cluster
            IdentityFile /keys/other
            CertificateFile ~/cert.pub
            IdentitiesOnly yes
            ProxyJump grace@jump:2022,[2001:db8::1]:22
            UserKnownHostsFile ~/known /also
            GlobalKnownHostsFile /global
            IdentityAgent ~/agent
            Ciphers aes256-ctr
    """
    found = await of(folder, "cluster", text)
    assert (found.address, found.user) == (HostPort("login.example.org", 2222), "ada")
    assert found.identity_files == (folder / ".ssh/cluster", Path("/keys/other"))
    assert (found.certificate_files, found.identities_only) == ((folder / "cert.pub",), True)
    assert found.jumps == (Jump(HostPort("jump", 2022), "grace"), Jump(HostPort("2001:db8::1", 22)))
    assert found.known_hosts_files == (folder / "known", Path("/also"), Path("/global"))
    assert found.agent == str(folder / "agent")
    assert found.ciphers == {}
    assert [alg.decode() for alg in found.options.encryption_algs] == ["aes256-ctr"]


async def test_location_and_credential_come_before_the_configuration(folder: Path) -> None:
    found = await of(folder, "cluster", "Host *\n User ada\n Port 2222\n", port=22, user="grace")
    assert (found.address, found.user) == (HostPort("cluster", 22), "grace")


async def test_without_the_configuration_nothing_of_it_is_read(folder: Path) -> None:
    (folder / "etc" / "ssh_config").write_text("Port 23\n", encoding="ascii")
    found = await of(folder, "cluster", "this is no configuration '", load_ssh_config=False)
    assert (found.address, found.user) == (HostPort("cluster", 22), getpass.getuser())


async def test_the_users_configuration_comes_before_the_systems(folder: Path) -> None:
    (folder / "etc" / "ssh_config").write_text("Port 23\nUser root\n", encoding="ascii")
    found = await of(folder, "cluster", "Port 24\n")
    assert (found.address, found.user) == (HostPort("cluster", 24), "root")


async def test_what_may_not_be_changed_by_a_configuration(folder: Path) -> None:
    found = await of(
        folder, "cluster", "RemoteCommand echo\nRequestTTY force\nCompression yes\nConnectTimeout 3000\nForwardX11Trusted yes\n"
    )
    options = found.options
    assert (options.command, options.request_pty, options.x11_forwarding, options.connect_timeout) == (None, False, False, 10)
    assert list(options.compression_algs) == [b"none"]


async def test_match_final_is_read_a_second_time(folder: Path) -> None:
    text = "Host cluster\n HostName login.example.org\n IdentityFile /one\nMatch final host login.example.org\n User ada\n"
    found = await of(folder, "cluster", text)
    assert (found.user, found.identity_files) == ("ada", (Path("/one"),))


async def test_a_configuration_that_is_not_understood(folder: Path) -> None:
    with pytest.raises(InvalidPropertyException, match=r"cannot connect to cluster: .*config line 1: Invalid Port integer value") as error:
        await of(folder, "cluster", "Port many\n")
    assert "Fix" in str(error.value) and "loadSshConfig to false" in str(error.value)


async def test_a_known_hosts_file_instead_of_the_users(folder: Path) -> None:
    (folder / "mine").touch()
    found = await of(folder, "cluster", known_hosts_file="~/mine")
    assert found.known_hosts_files == (folder / "mine", folder / "etc/ssh_known_hosts", folder / "etc/ssh_known_hosts2")
    found = await of(folder, "cluster", known_hosts_file=str(folder / "mine"), load_known_hosts=False)
    assert found.known_hosts_files == (folder / "mine",)
    assert (await of(folder, "cluster", load_known_hosts=False)).known_hosts_files == ()
    assert (await of(folder, "cluster", known_hosts_file="/dev/null", load_known_hosts=False)).known_hosts_files == (Path("/dev/null"),)
    for wrong in ("/nowhere/known", str(folder)):
        with pytest.raises(InvalidPropertyException, match=f"the known-hosts file {wrong} does not exist"):
            await of(folder, "cluster", known_hosts_file=wrong)


async def test_the_agent_is_the_environments_unless_the_configuration_says_otherwise(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    assert (await of(folder, "cluster")).agent == "/agent"
    assert (await of(folder, "cluster", "IdentityAgent none\n")).agent == ""
    assert (await of(folder, "cluster", "IdentityAgent SSH_AUTH_SOCK\n")).agent == "/agent"
    assert (await of(folder, "cluster", "IdentityAgent /other\n")).agent == "/other"


@pytest.mark.parametrize("user", ["$(id)", "`id`", "a;id", "a|id", "a\nid", "a'", "a\\", "-oProxyCommand=id"])
async def test_no_command_of_the_configuration_gets_a_users_name_that_a_shell_interprets(folder: Path, user: str) -> None:
    destination = Destination("ssh", SshLocation(HostPort("host")), PasswordCredential(username=user, password="secret"), SshSettings())
    with pytest.raises(InvalidCredentialException, match="begins with a dash or contains characters that a shell interprets") as error:
        await resolve(folder, destination)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("user", ["ada", "ada@example.org", "EXAMPLE\\ada", "machine$", "ada lovelace"])
async def test_other_names_of_users_are_left_as_they_are(folder: Path, user: str) -> None:
    destination = Destination("ssh", SshLocation(HostPort("host")), PasswordCredential(username=user), SshSettings())
    assert (await resolve(folder, destination)).user == user
