"""The facts that are kept are those of the live servers, in everything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyxenon_adaptor_docs import cli
from pyxenon_adaptor_docs.servers import SERVERS, SNAPSHOTS
from pyxenon_adaptor_docs.snapshot import take_snapshot

REPOSITORY = Path(__file__).parents[3]


@pytest.mark.parametrize("server", [pytest.param(server, marks=[pytest.mark.java] if server == "java" else []) for server in SERVERS])
def test_the_snapshot_is_what_the_server_says(server: str) -> None:
    assert (REPOSITORY / SNAPSHOTS[server]).read_text("utf-8") == take_snapshot(f"{server}:")


@pytest.mark.java
def test_check_finds_nothing_to_tell_about_the_servers_and_tells_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert cli.main(["check"]) == 0
    assert [line.split(" has what ")[0] for line in capsys.readouterr().out.splitlines()] == ["embedded:", "java:"]
    facts = json.loads((REPOSITORY / SNAPSHOTS["embedded"]).read_text("utf-8"))
    sftp = next(adaptor for adaptor in facts["filesystems"] if adaptor["name"] == "sftp")
    sftp["can_append"] = not sftp["can_append"]
    removed = sftp["supported_properties"].pop()
    sftp["supported_properties"][0]["default_value"] = "8"
    spoilt = tmp_path / "adaptors.json"
    spoilt.write_text(json.dumps(facts), "utf-8")
    assert cli.main(["check", "--target", "embedded:", "--facts", str(spoilt)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 3
    assert told[0].startswith(f"file system sftp: the flag 'can_append' is '{str(sftp['can_append']).lower()}' with {spoilt}, and ")
    assert told[1] == f"file system sftp: only embedded: has the property '{removed['name']}'"
    assert told[2].startswith(f"file system sftp: the default of '{sftp['supported_properties'][0]['name']}' is '8' with {spoilt}, and ")
