# SPDX-License-Identifier: MIT
"""What the documents show is what happens."""

import contextlib
import doctest
import importlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zoo
from seriesfiles import pixels, write_series

import mic

ROOT = Path(__file__).parents[2]
DOCUMENTS = [path for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")) if path.exists()]
NEED_EXTRAS = ("cli", "numcodecs", "torch", "zarr")


def snippets() -> list[object]:
    """Return the python blocks of each document; the blocks of one share their names."""
    return [
        pytest.param(blocks, id=path.name)
        for path in DOCUMENTS
        if (blocks := re.findall(r"^```python\n(.*?)^```", path.read_text(), re.M | re.S))
    ]


@pytest.mark.parametrize("blocks", snippets())
def test_snippets(
    blocks: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, volume: zoo.Sample
) -> None:
    """The blocks run, in a folder that holds `scan.mic`, `scan.dcm` and `series/`, a CT."""
    (tmp_path / "scan.mic").write_bytes(volume.stream)
    slices = write_series(tmp_path / "series", pixels(5))
    shutil.copy(slices[0], tmp_path / "scan.dcm")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "snippet"}
    try:
        for block in blocks:
            with skipping_what_needs_extras():
                exec(compile(block, "<snippet>", "exec"), names)
    finally:
        mic.unregister()


def modules() -> list[str]:
    """Return all modules of the package, those in folders included."""
    package = Path(mic.__file__).parent
    paths = [path.relative_to(package.parent) for path in package.rglob("*.py")]
    return sorted(".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths)


@contextlib.contextmanager
def skipping_what_needs_extras() -> Iterator[None]:
    """Skip if a package from an extra is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        pytest.skip(str(error))
    except mic.UnsupportedError as error:
        if "pip install" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.mark.parametrize("name", modules())
def test_docstrings(name: str) -> None:
    """Examples in docstrings are found and give the output that they show."""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError:
        assert name.split(".")[1] in NEED_EXTRAS
        pytest.skip("an extra is not installed")
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted or ">>> " not in Path(str(module.__file__)).read_text(encoding="utf-8")


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
def test_examples_of_the_format() -> None:
    """The examples of docs/format.md give the bytes in its blocks."""
    text = (ROOT / "docs" / "format.md").read_text()
    section = text[text.index("\n## 9 Examples") : text.index("\n## 10 ")]
    blocks = re.findall(r"^```\n(.*?)^```", section, re.M | re.S)
    raw, fse, huffman = (
        bytes.fromhex(" ".join(line.split("   ")[0] for line in block.splitlines()))
        for block in blocks
    )
    ramp = np.add.outer([0, 1, 2, 3], [100, 101, 102, 103]).astype("uint16")
    ramp[3] = 200
    assert raw == mic.encode(ramp, "fse")
    table = np.multiply.outer(np.arange(8), np.arange(8)).astype("uint16") % 5
    assert fse == mic.encode(table, "fse")
    assert huffman == mic.stages.encode_stream("huffman", table.reshape(-1), 8, 8, 8)


@pytest.mark.skipif(not (ROOT / "CITATION.cff").exists(), reason="the citation is not here")
def test_citation_has_the_version() -> None:
    assert f"version: {mic.__version__}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.skipif(not (ROOT / "docs" / "design.md").exists(), reason="the docs are not here")
def test_design_names_every_file() -> None:
    """The map in the design names every file, in the table of its folder."""
    patterns = ("csrc/**/*.[ch]", "mic/**/*.py", "mic/*.py[xid]", "mic/*.px[di]")
    files = {
        path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)
    }
    named = files_named((ROOT / "docs" / "design.md").read_text())
    assert not files - named, "docs/design.md lacks these in the tables of their folders"
    assert not named - files, "docs/design.md names files that do not exist"


@pytest.mark.skipif(not (ROOT / "docs" / "design.md").exists(), reason="the docs are not here")
@pytest.mark.parametrize("page", ["design.md", "decisions.md"])
def test_paths_in_the_design_exist(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    paths = re.findall(r"(?<![\w./])(?:csrc|mic|tests)/[\w./]*\w", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []


def files_named(text: str) -> set[str]:
    """Return the paths in tables below headings that name a folder, such as ### `mic/cli/`."""
    tables = re.findall(r"^### `((?:csrc|mic)/(?:\w+/)?)`.*?\n(.*?)(?=^#)", text, re.M | re.S)
    paths = set()
    for folder, table in tables:
        for cell in re.findall(r"^\| (`[^|]*`) \|", table, re.M):
            for name in re.findall(r"`([^`]+)`", cell):
                stem, both, _ = name.partition(".c/.h")
                paths |= {f"{folder}{stem}{end}" for end in ((".c", ".h") if both else ("",))}
    return paths
