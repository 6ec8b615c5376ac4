# SPDX-License-Identifier: MIT
"""The form of the sources: short functions, files that can be read in one sitting."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
MEDIAN, LONGEST = 8, 70
DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
LONGEST_FILE = {".c": 600, ".h": 600, ".py": 500}

pytestmark = pytest.mark.skipif(
    not (ROOT / "csrc" / "mic.h").exists() or not (ROOT / "mic" / "api.py").exists(),
    reason="the sources are not beside tests/",
)


def files(folder: str, *suffixes: str) -> list[Path]:
    return [path for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]


def python_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and number of lines of each function, without its docstring."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1 - docstring_lines(node)


def docstring_lines(node: ast.AST) -> int:
    """Count the lines of a docstring; 0 if the function has nothing else."""
    if not isinstance(node, DOCUMENTED) or len(node.body) < 2 or ast.get_docstring(node) is None:
        return 0
    first = node.body[0]
    assert first.end_lineno is not None
    return first.end_lineno - first.lineno + 1


def c_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield first line and number of body lines of each function.

    clang-format puts the braces of longer functions alone into the first column.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    begin = 0
    for number, line in enumerate(lines):
        if re.match(r"\w.*\) \{ .* \}$", line):
            yield line, 1
        elif line == "{":
            begin = number
        elif line == "}" and begin:
            yield lines[begin - 1], number - begin - 1
            begin = 0


@pytest.mark.parametrize("language", ["C", "Python"])
def test_functions_are_short(language: str) -> None:
    if language == "C":
        lengths = [found for path in files("csrc", ".c", ".h") for found in c_functions(path)]
    else:
        lengths = [found for path in files("mic", ".py") for found in python_functions(path)]
    assert len(lengths) > 900, "the functions are not found"
    assert not [found for found in lengths if found[1] > LONGEST]
    assert median(length for _, length in lengths) <= MEDIAN


def test_files_can_be_read_in_one_sitting() -> None:
    for path in [*files("csrc", ".c", ".h"), *files("mic", ".py")]:
        n_lines = len(path.read_text().splitlines())
        if path.suffix == ".py":  # docstrings are the reference manual, not code to read
            n_lines -= sum(map(docstring_lines, ast.walk(ast.parse(path.read_text()))))
        assert n_lines <= LONGEST_FILE[path.suffix], f"{path.relative_to(ROOT)} has {n_lines} lines"
