# SPDX-License-Identifier: MIT
"""Pickles: those that 0.1.0 made are read, and new ones name public paths only."""

from __future__ import annotations

import base64
import importlib
import json
import pickle
import pickletools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mic

# What 0.1.0 pickled (protocol 2), by the path of the class today.  Arrays are left out of
# them: their pickles differ from numpy to numpy.
OLD = Path(__file__).parents[1] / "data" / "pickles-0.1.0.json"
PICKLES = json.loads(OLD.read_text(encoding="utf-8")) if OLD.exists() else {}
NEEDS = {"mic.torch": "torch", "mic.zarr": "zarr", "mic.numcodecs": "numcodecs"}
# Classes that no public page names; they come along with others.
OF_FILES = ("mic.dicom.reading.NoPixelsError", "mic.dicom.syntaxes.Syntax")


def skip_without_extra(module: str) -> None:
    if module in NEEDS:
        pytest.importorskip(NEEDS[module])


def loaded(path: str) -> Any:
    skip_without_extra(path.rpartition(".")[0])
    return pickle.loads(base64.b64decode(PICKLES[path]))


def modules_named_in(data: bytes) -> Iterator[str]:
    """Protocol 2 names each class in one line, as module and name."""
    for operation, argument, _ in pickletools.genops(data):
        if operation.name == "GLOBAL":
            yield str(argument).split()[0]


@pytest.mark.parametrize("path", PICKLES)
def test_old_pickles(path: str) -> None:
    """Each loads as an object of today's class, which pickles again under its public path."""
    module, _, name = path.rpartition(".")
    value = loaded(path)
    assert type(value) is getattr(importlib.import_module(module), name)
    again = pickle.dumps(value, 2)
    assert module in set(modules_named_in(again))
    assert {m for m in modules_named_in(again) if m.startswith("mic")} == {module}
    copy = pickle.loads(again)
    assert vars(copy) == vars(value) if hasattr(value, "__dict__") else copy == value


@pytest.mark.parametrize("path", [path for path in PICKLES if path not in OF_FILES])
def test_public_paths(path: str) -> None:
    """Public paths name a module that users import: the root or a folder."""
    module = path.rpartition(".")[0]
    assert module.count(".") <= 1
    skip_without_extra(module)
    assert getattr(importlib.import_module("mic"), module.partition(".")[2] or "encode")


def test_values_of_old_pickles() -> None:
    info = loaded("mic.StreamInfo")
    assert (info.container, info.shape, info.dtype) == ("native", (8, 8), "uint16")
    assert loaded("mic.StreamPart").rows == 4
    assert loaded("mic.slides.LevelInfo").tiles_down == 2
    assert loaded("mic.volume.Volume").spacing == (0.5, 0.5, 2.0)
    error = loaded("mic.errors.CorruptDataError")
    assert (str(error), error.frame) == ("frame 1: damaged", 1)
    assert isinstance(error, mic.MicError)


def test_former_modules_are_no_modules() -> None:
    """Former modules answer for classes only: tools that ask every module for its file get none."""
    former = importlib.import_module("mic.stream_info")
    assert former.StreamInfo is mic.StreamInfo
    assert not hasattr(former, "__file__")
    with pytest.raises(AttributeError):
        _ = former.nothing
