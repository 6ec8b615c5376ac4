# SPDX-License-Identifier: MIT
"""What the documents show is what happens."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
import zoo

import mic

ROOT = Path(__file__).parent.parent
DOCUMENTS = [path for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")) if path.exists()]
NEEDS_EXTRAS = ("cli", "bench", "realimages", "imagefiles")


def snippets() -> list[object]:
    """The python blocks of each document; the blocks of one share their names."""
    return [
        pytest.param(blocks, id=path.name)
        for path in DOCUMENTS
        if (blocks := re.findall(r"^```python\n(.*?)^```", path.read_text(), re.M | re.S))
    ]


@pytest.mark.parametrize("blocks", snippets())
def test_snippets(
    blocks: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, volume: zoo.Sample
) -> None:
    """They run, in a folder that holds a `scan.mic`."""
    (tmp_path / "scan.mic").write_bytes(volume.stream)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "snippet"}
    for block in blocks:
        exec(compile(block, "<snippet>", "exec"), names)


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(mic.__path__)])
def test_docstrings(name: str) -> None:
    """Examples in docstrings give what they show."""
    try:
        module = importlib.import_module(f"mic.{name}")
    except ModuleNotFoundError:
        assert name.startswith(NEEDS_EXTRAS)
        pytest.skip("an extra is not installed")
    assert doctest.testmod(module).failed == 0


def test_package_docstring() -> None:
    result = doctest.testmod(mic)
    assert (result.failed, result.attempted > 0) == (0, True)


def test_everything_public_is_documented() -> None:
    for name in mic.__all__:
        value = getattr(mic, name)
        if callable(value):
            assert (value.__doc__ or "").strip(), name
    for name, method in vars(mic.MicFile).items():
        if not name.startswith("_"):
            assert (method.__doc__ or "").strip(), name


@pytest.mark.skipif(not (ROOT / "docs" / "format.md").exists(), reason="the docs are not here")
def test_example_of_the_format() -> None:
    """Section 8 of docs/format.md: its array, then lines that begin with its bytes."""
    text = (ROOT / "docs" / "format.md").read_text()
    section = text[text.index("\n## 8 ") : text.index("\n## 9 ")]
    array_text, bytes_text = section.split("```\n", 2)[1:]
    rows = [[int(word) for word in line.split()] for line in array_text.splitlines()]
    lines = re.findall(r"^(?:\| *`?)?((?:[0-9A-Fa-f]{2} )*[0-9A-Fa-f]{2})\b", bytes_text, re.M)
    assert bytes.fromhex(" ".join(lines)) == mic.encode(np.array(rows, "uint16"))
