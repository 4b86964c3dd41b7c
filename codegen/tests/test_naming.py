"""Names: Python's casing, and the words that are taken."""

from __future__ import annotations

import keyword

import pytest

from pyxenon_codegen import naming


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("getAdaptorNames", "get_adaptor_names"),
        ("GetAdaptorNamesRequest", "get_adaptor_names_request"),
        ("FileSystem", "file_system"),
        ("filesystem", "filesystem"),
        ("destination_filesystem", "destination_filesystem"),
        ("create", "create"),
        ("getURL", "get_url"),
        ("URLRequest", "url_request"),
        ("isOpen", "is_open"),
        ("getSha256", "get_sha256"),
        ("md5_sum", "md5_sum"),
    ],
)
def test_snake_case(name: str, expected: str) -> None:
    assert naming.snake_case(name) == expected


def test_constant_case() -> None:
    assert naming.constant_case("readFromFile") == "READ_FROM_FILE"
    assert naming.constant_case("FileSystem") == "FILE_SYSTEM"


@pytest.mark.parametrize(("name", "expected"), [("import", "import_"), ("class", "class_"), ("from", "from_"), ("None", "none")])
def test_python_keeps_its_own_words(name: str, expected: str) -> None:
    assert naming.python_name(name) == expected


@pytest.mark.parametrize("name", ["delete", "exists", "list", "copy", "id", "type", "timeout", "stdin"])
def test_other_words_stay_as_they_are(name: str) -> None:
    assert naming.python_name(name) == name


@pytest.mark.parametrize("name", sorted(word for word in keyword.kwlist if word.islower()))
def test_no_keyword_becomes_a_name(name: str) -> None:
    assert naming.python_name(name) == f"{name}_"
    assert naming.python_name(name.upper() if name == "none" else name).isidentifier()
