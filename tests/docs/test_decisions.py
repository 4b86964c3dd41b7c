"""The pages of decisions have one form, and the list of them has all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions"
PAGES = sorted(DECISIONS.glob("0*.md"))


@pytest.mark.parametrize("page", [pytest.param(page, id=page.stem) for page in PAGES])
def test_a_page_has_the_headings_of_all(page: Path) -> None:
    headings = re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == ["Context", "Choice", "Cost", "What would reopen it"]


def test_each_has_a_number_of_its_own_and_a_row_in_the_list() -> None:
    listed = re.findall(r"^\| (\d+) \| \[(.*)\]\((.*)\) \|$", (DECISIONS / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    titles = [page.read_text(encoding="utf-8").partition("\n")[0] for page in PAGES]
    rows = [
        (str(number), title.removeprefix(f"# {number}. "), page.name)
        for number, (title, page) in enumerate(zip(titles, PAGES, strict=True), 1)
    ]
    assert listed == rows
    assert all(page.name.startswith(f"{number:04}-") for number, page in enumerate(PAGES, 1))
