# SPDX-License-Identifier: MIT
"""Imports between modules: no circles, only downwards, and every module imports on its own."""

from __future__ import annotations

import ast
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mic

PACKAGE = Path(mic.__file__).parent
WHEEL = Path(__file__).parents[2] / "ci" / "wheel.py"

ROOMS = """
    _version errors
    _mic faces extras paths arguments atomic
    codec
    api stages slides files
    mic
    zarr numcodecs imagecodecs
    dicom
    images gpu
    volume display
    torch
    transcode jpegls
    archive
    benchmark
    cli
    __main__
"""
"""The rooms from the ground up; `mic` is the root, that is, `mic/__init__.py`.

A file imports from its own room and from those further up in this table, inside of
functions too.  Imports on first use (`mic.faces.lazy`) do not count: that is how `mic`
and `mic.dicom` offer names of rooms above them.
"""


def module_names() -> dict[str, Path]:
    """All modules of the package and their files."""
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("mic", *path.relative_to(PACKAGE).with_suffix("").parts)
        names[".".join(parts).removesuffix(".__init__")] = path
    return names


MODULES = module_names()


def imports_in(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import statements of a file, except those for type checkers."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield node
    children: Iterator[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        children = iter(node.orelse)
    for child in children:
        yield from imports_in(child)


def imported_by(name: str) -> set[str]:
    """Modules of mic that a module imports by name.

    The packages around a module are loaded with it and do not count; otherwise every
    file would need every package.
    """
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    known = {*MODULES, "mic._mic"}
    found = set()
    for statement in imports_in(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
            continue
        base = statement.module or ""
        if statement.level:
            outer = package.split(".")[: package.count(".") + 2 - statement.level]
            base = ".".join([*outer, base]).removesuffix(".")
        for alias in statement.names:
            found.add(f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base)
    return (found & known) - {name}


GRAPH = {name: imported_by(name) for name in MODULES}


def room_of(name: str) -> str:
    return name.split(".")[1] if "." in name else name


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """Find a circle in a graph, as the path that returns to its beginning."""
    done: set[str] = set()

    def walk(path: list[str]) -> list[str]:
        for target in sorted(graph.get(path[-1], ())):
            if target in path:
                return [*path[path.index(target) :], target]
            if target not in done and (circle := walk([*path, target])):
                return circle
        done.add(path[-1])
        return []

    return next(filter(None, (walk([name]) for name in graph)), [])


def test_no_circles() -> None:
    circle = circle_in(GRAPH)
    assert not circle, f"these files import each other: {' -> '.join(circle)}"


def test_a_circle_is_found() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_the_graph_has_what_is_imported() -> None:
    """A file of another folder, one of the same, a package, and one inside of a function."""
    assert "mic.codec.arrays" in GRAPH["mic.dicom.plugin"]
    assert "mic.dicom.pixels" in GRAPH["mic.dicom.plugin"]
    assert "mic._mic" in GRAPH["mic.codec.streams"]
    assert "mic.dicom" in GRAPH["mic.transcode.pixels"]
    assert "mic.dicom.internals" in GRAPH["mic.gpu.registration"]


def test_imports_go_down_only() -> None:
    order = ROOMS.split()
    assert {room_of(name) for name in [*MODULES, "mic._mic"]} == set(order), "name every room once"
    upwards = [
        f"{name} imports {target}"
        for name, targets in GRAPH.items()
        for target in targets
        if order.index(room_of(target)) > order.index(room_of(name))
    ]
    assert not upwards, "see the table ROOMS"


@pytest.mark.skipif(not WHEEL.exists(), reason="the sources are not here")
def test_wheels_are_checked_for_every_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """ci/wheel.py runs where the sources are not, so it has a list of its own."""
    monkeypatch.syspath_prepend(WHEEL.parent)  # as when it runs
    checked = runpy.run_path(str(WHEEL))["FOLDERS"]
    assert checked == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


# ---- every module alone ----------------------------------------------------

# Loaded before each process is forked: they take seconds, and nothing of mic is in them.
PRELOADED = ["numpy.typing", "pydicom.pixels", "torch", "zarr", "dask", "click", "rich.progress"]
OF_EXTRAS = """
    torch zarr numcodecs dask distributed fsspec pyarrow SimpleITK highdicom nvidia imagecodecs
    pylibjpeg openjpeg libjpeg jpeg_ls click rich PIL tifffile matplotlib
"""
# The command line has one place that names its extra: `mic.cli:main`.
OF_COMMAND_LINE = ("click", "rich", "PIL", "tifffile")

ALONE = """
import importlib, json, os, sys

names, hidden, preloaded, compiled = json.loads(sys.argv[1])

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
for name in preloaded:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
sys.dont_write_bytecode, sys.pycache_prefix = False, compiled  # mic is compiled once only
assert not [name for name in sys.modules if name.partition(".")[0] == "mic"]
for name in names:
    if not os.fork():
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            print(name, error.name, error, sep="|", flush=True)
        except BaseException as error:
            print(name, "", repr(error), sep="|", flush=True)
        os._exit(0)
    if os.wait()[1]:
        print(name, "", "the process ended", sep="|", flush=True)
"""


@pytest.mark.no_asan
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("extras", ["all that is installed", "none"])
def test_every_module_alone(extras: str, tmp_path: Path) -> None:
    """Import each module in a process that has imported nothing of mic before.

    It may fail only because something is not installed, and must name the extra to
    install.
    """
    hidden = OF_EXTRAS.split() if extras == "none" else []
    arguments = json.dumps([list(MODULES), hidden, PRELOADED, str(tmp_path)])
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALONE, arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    failures = [line.split("|", 2) for line in done.stdout.splitlines()]
    wrong = [
        f"{name}: {message}"
        for name, missing, message in failures
        if not (missing and 'pip install "mic-codec[' in message)
        and not (missing.partition(".")[0] in OF_COMMAND_LINE and name.startswith("mic.cli."))
    ]
    assert not wrong
