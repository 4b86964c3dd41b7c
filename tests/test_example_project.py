"""README's quick start and the example project, as their users have them: wheels, a fresh environment, ``pytest``."""

from __future__ import annotations

from pathlib import Path

import pytest
from release.trial import try_all

from wheels import ROOT, SECONDS, build_wheels

PACKAGES = [ROOT / "packages" / name for name in ("xenon-core", "xenon-java", "xenon-server", "xenon-sync", "xenon-testing")]


@pytest.mark.xenon_docker
@pytest.mark.timeout(2 * SECONDS)
def test_they_work_with_the_wheels_in_a_fresh_environment(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    build_wheels(tmp_path, *PACKAGES)
    try_all(tmp_path, print)
    output = capfd.readouterr().out
    assert "DONE 0" in output
    assert "2 passed" in output
    assert "skipped" not in output
