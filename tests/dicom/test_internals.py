# SPDX-License-Identifier: MIT
"""Only one file of mic touches private names of pydicom; tests of that rule and of the file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomfiles import shipped
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import RLELossless

import mic
from mic.dicom import internals

PACKAGE = Path(mic.__file__).parent
ALLOWED = {
    ("archive/cluster.py", "multiprocessing.current_process()._inheriting"): (
        "Python's own mark of a process that still reads the script which started it"
    ),
    ("cli/jobs.py", "level._asdict"): "the public method of a named tuple",
    ("cli/slides.py", "level._asdict"): "the public method of a named tuple",
    ("cli/workers.py", "os._exit"): "a documented function",
    ("torch/tensors.py", "torch.UntypedStorage._new_shared"): (
        "how torch's own default_collate shares memory"
    ),
}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


class PrivateNames(ast.NodeVisitor):
    """Private names in a file that belong to neither the file nor mic."""

    def __init__(self, tree: ast.Module) -> None:
        self.found: list[str] = []
        self.own = set(names_defined_in(tree))
        self.visit(tree)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._note(node.value, node.attr)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """getattr(x, "_name") and its like."""
        if ast.unparse(node.func) in ("getattr", "setattr", "hasattr", "delattr"):
            name = node.args[1]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                self._note(node.args[0], name.value)
        self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if not node.level:
            self._note_import(node.module or "", *(alias.name for alias in node.names))

    def visit_Import(self, node: ast.Import) -> None:
        self._note_import(*(alias.name for alias in node.names))

    def _note(self, owner: ast.expr, name: str) -> None:
        text = ast.unparse(owner)
        if is_private(name) and name not in self.own and text not in ("self", "cls", "super()"):
            self.found.append(f"{text}.{name}")

    def _note_import(self, *names: str) -> None:
        for name in names:
            if any(is_private(part) for part in name.split(".")):
                self.found.append(f"import {name}")


def names_defined_in(tree: ast.Module) -> Iterator[str]:
    """Methods and attributes that the file's own classes have."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    yield part.name
                elif isinstance(part, ast.AnnAssign):
                    yield ast.unparse(part.target)
                elif isinstance(part, ast.Assign):
                    yield from (ast.unparse(target) for target in part.targets)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self":
            yield from [node.attr] if isinstance(node.ctx, ast.Store) else []


def private_names_of_others() -> set[tuple[str, str]]:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        file = path.relative_to(PACKAGE).as_posix()
        if file != "dicom/internals.py":
            names = PrivateNames(ast.parse(path.read_text(encoding="utf-8"))).found
            found |= {(file, name) for name in names}
    return found


def test_only_internals_touches_private_names() -> None:
    found = private_names_of_others()
    assert found - ALLOWED.keys() == set(), "put what touches pydicom into mic/dicom/internals.py"
    assert ALLOWED.keys() - found == set(), "an exception that nothing needs"


@pytest.mark.parametrize(
    "line",
    [
        "ds._pixel_array = None",
        "self.ds._pixel_array",
        "getattr(decoder, '_available', ())",
        "from pydicom.pixels.decoders.base import _PIXEL_DATA_DECODERS",
        "import pydicom._private",
        "from pydicom._private import thing",
    ],
)
def test_the_rule_finds(line: str) -> None:
    assert PrivateNames(ast.parse(line)).found


def test_forget_pixel_array() -> None:
    ds = pydicom.dcmread(shipped("CT_small.dcm"))
    before = ds.pixel_array
    assert ds.pixel_array is before
    internals.forget_pixel_array(ds)
    assert ds.pixel_array is not before
    assert np.array_equal(ds.pixel_array, before)


def test_order_of_attempts() -> None:
    """A plugin that is put first is tried first; the rest, and what leaves, keep the order."""
    decoder = get_decoder(RLELossless)
    before = internals.attempts(decoder)
    decoder.add_plugin("last", ("pydicom.pixels.decoders.rle", "_decode_frame"))
    try:
        assert internals.attempts(decoder) == (*before, "last")
        internals.put_first(decoder, "last")
        assert internals.attempts(decoder) == ("last", *before)
    finally:
        decoder.remove_plugin("last")
    assert internals.attempts(decoder) == before


def test_order_without_the_private_table() -> None:
    class Decoder:
        available_plugins = ("a", "b")

    assert internals.attempts(Decoder()) == ("a", "b")  # type: ignore[arg-type]


def test_tables_of_another_pydicom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydicom.pixels.encoders.base._PIXEL_DATA_ENCODERS", {"uid": "coder"})
    with pytest.raises(mic.UnsupportedError, match=r"one like 3\.0 or 3\.1 is expected"):
        internals.coder_tables()


def test_array_decoding_is_asked_for_by_an_option() -> None:
    """Without the option, pydicom decodes its own way; with it, the function gives the array."""
    ds = pydicom.dcmread(shipped("MR_small_RLE.dcm"))
    decoder = internals.WholeArrayDecoder(RLELossless)
    decoder.add_plugin("pydicom", ("pydicom.pixels.decoders.rle", "_decode_frame"))
    assert np.array_equal(decoder.as_array(ds)[0], ds.pixel_array)
    flat = np.zeros(ds.Rows * ds.Columns, "int16")
    options = {internals.WHOLE_ARRAY: lambda runner, index: flat}
    assert not decoder.as_array(ds, **options)[0].any()


def test_plugins_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin sees the plugins of its call, itself among them, in pydicom's order."""
    seen: list[tuple[str, ...]] = []
    decoder = get_decoder(RLELossless)
    others = internals.attempts(decoder)

    def decode(src: bytes, runner: object) -> bytes:
        seen.append(tuple(internals.plugins_of_call(runner)))  # type: ignore[arg-type]
        raise ValueError("the next one, please")

    monkeypatch.setattr(decoder, "_available", {"first": decode, **decoder._available})
    decoder.as_array(pydicom.dcmread(shipped("MR_small_RLE.dcm")))
    assert seen == [("first", *others)]
