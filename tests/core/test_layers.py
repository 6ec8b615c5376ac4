# SPDX-License-Identifier: MIT
"""The folders of csrc/ are floors: what stands on one knows nothing of those above it.

All of this is read from the text of the files, without a compiler.  That is enough because
every name that crosses files begins with `mic_` (tests/c/check_build.sh sees to it), and what
a header defines inline can only be used through an include.
"""

import re
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

CSRC = Path(__file__).parents[2] / "csrc"

pytestmark = pytest.mark.skipif(not CSRC.is_dir(), reason="csrc/ is not beside the tests")

# Which folders each folder may include and call, besides itself.
MAY_USE = {
    "base": set(),
    "dicom": {"base"},
    "stages": {"base"},
    "wavefront": {"base", "stages"},
    "frame": {"base", "stages", "wavefront"},
    "container": {"base", "stages", "wavefront", "frame"},
    "x86": {"base", "stages", "wavefront"},
    "arm": {"base", "stages", "wavefront"},
}

# Uses that do not count, by file and name, each with its reason.
REGISTRY = "kernels.c is the registry: it has to name every table of kernels, wherever it is"
EXCEPTIONS = {
    ("base/kernels.c", "mic_kernels_scalar"): REGISTRY,
    ("base/kernels.c", "mic_kernels_avx2"): REGISTRY,
    ("base/kernels.c", "mic_kernels_avx512"): REGISTRY,
    ("base/kernels.c", "mic_kernels_neon"): REGISTRY,
}

COMMENT_OR_TEXT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.M)
INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)
NAME = re.compile(r"\bmic_\w+")
FUNCTION = re.compile(r"\b(mic_\w+)\s*\([^;{}=]*\)\s*$")
OBJECT = re.compile(r"\b(mic_\w+)\s*(?:\[[^\]]*\]\s*)*=\s*$")


class Source:
    """What one file includes, defines for others, and uses of others."""

    def __init__(self, path: Path, root: Path) -> None:
        text = path.read_text(encoding="utf-8")
        self.name = path.relative_to(root).as_posix()
        self.folder = path.relative_to(root).parts[0] if path.parent != root else ""
        self.includes = [
            (path.parent / named).resolve().relative_to(root.resolve()).as_posix()
            for named in INCLUDE.findall(text)
        ]
        self.defines: set[str] = set()
        code = COMMENT_OR_TEXT.sub(" ", text)
        self.uses = {name for line in DIRECTIVE.findall(code) for name in NAME.findall(line)}
        if self.folder == "":
            self.uses.clear()  # mic.h, which declares what all others define
        else:
            self._read(DIRECTIVE.sub("", code))

    def _read(self, code: str) -> None:
        """Definitions stand outside of braces, uses within: a prototype is neither."""
        depth, head, body = 0, "", ""
        for part in re.split(r"([{}])", code):
            if part == "{":
                if depth == 0:
                    self._define(head)
                depth += 1
            elif part == "}":
                depth -= 1
            elif depth == 0:
                head = part.rsplit(";", 1)[-1]
                self.uses.update(
                    name for s in part.split(";") for name in NAME.findall(s.partition("=")[2])
                )
            else:
                body += part
        assert depth == 0, f"{self.name}: the braces do not pair up; has an #if halves of them?"
        self.uses.update(NAME.findall(body))

    def _define(self, head: str) -> None:
        found = FUNCTION.search(head) or OBJECT.search(head)
        if found and not re.search(r"\b(static|typedef)\b|\bMIC_INLINE\b", head):
            self.defines.add(found[1])


class Tree:
    """The files below a root, and which file needs which, with the reason."""

    def __init__(self, root: Path, exceptions: dict[tuple[str, str], str]) -> None:
        self.sources = {s.name: s for p in sorted(root.rglob("*.[ch]")) for s in [Source(p, root)]}
        home = {name: s.name for s in self.sources.values() for name in s.defines}
        self.needs: dict[tuple[str, str], str] = {}
        for s in self.sources.values():
            for included in s.includes:
                self.needs[s.name, included] = "includes"
            for name in sorted(s.uses):
                if name in home and home[name] != s.name and (s.name, name) not in exceptions:
                    self.needs[s.name, home[name]] = f"uses {name} of"

    def upward(self) -> list[str]:
        """List the needs of folders for other folders that they may not use."""
        found = []
        for (user, used), why in self.needs.items():
            folder, other = self.sources[user].folder, self.sources[used].folder
            if other not in ("", folder) and other not in MAY_USE[folder]:
                found.append(f"csrc/{user} {why} csrc/{used}, but {folder}/ may not need {other}/")
        return found

    def circle(self) -> list[str]:
        """Find one circle of files, [] if there is none.  A header and its .c are one file."""
        units: dict[str, dict[str, str]] = defaultdict(dict)
        for (user, used), why in self.needs.items():
            a, b = (name.rsplit(".", 1)[0] for name in (user, used))
            if a != b:
                units[a][b] = f"csrc/{user} {why} csrc/{used}"
        done: set[str] = set()

        def visit(unit: str, path: list[str]) -> list[str]:
            if unit in path:
                ring = [*path[path.index(unit) :], unit]
                return [units[a][b] for a, b in pairwise(ring)]
            if unit in done:
                return []
            for other in units.get(unit, {}):
                if found := visit(other, [*path, unit]):
                    return found
            done.add(unit)
            return []

        return next((found for unit in list(units) if (found := visit(unit, []))), [])


def test_folders_need_only_those_below() -> None:
    assert Tree(CSRC, EXCEPTIONS).upward() == []


def test_files_do_not_need_one_another() -> None:
    assert Tree(CSRC, EXCEPTIONS).circle() == []


def test_exceptions_are_still_needed() -> None:
    tree = Tree(CSRC, {})
    for user, name in EXCEPTIONS:
        assert name in tree.sources[user].uses, (user, name)


def test_every_folder_has_a_floor() -> None:
    assert {p.name for p in CSRC.iterdir() if p.is_dir()} == set(MAY_USE)


def test_base_names_are_unique() -> None:
    """Objects of a flat build must not collide."""
    names = [p.name for p in CSRC.rglob("*.[ch]")]
    assert sorted(names) == sorted(set(names))


def test_most_files_define_something() -> None:
    """Guard the reading itself: a file of which nothing is understood would pass every test."""
    tree = Tree(CSRC, {})
    silent = [s.name for s in tree.sources.values() if s.name.endswith(".c") and not s.defines]
    assert silent == []


def write_tree(root: Path, files: dict[str, str]) -> Tree:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Tree(root, {})


LOW = "int mic_low(int x)\n{\n    return x;\n}\n"


def test_an_include_upwards_is_found(tmp_path: Path) -> None:
    tree = write_tree(
        tmp_path, {"base/low.c": '#include "../frame/high.h"\n' + LOW, "frame/high.h": ""}
    )
    assert len(tree.upward()) == 1


def test_a_call_upwards_is_found(tmp_path: Path) -> None:
    call = "int mic_high(int);\nint mic_low(int x) { return mic_high(x); }\n"
    high = "int mic_high(int x) { return x; }\n"
    tree = write_tree(tmp_path, {"base/low.c": call, "frame/high.c": high})
    assert tree.upward() == [
        "csrc/base/low.c uses mic_high of csrc/frame/high.c, but base/ may not need frame/"
    ]


def test_a_prototype_or_comment_is_no_call(tmp_path: Path) -> None:
    low = '/* mic_high(1) */ int mic_high(int);\nconst char *const mic_text[] = {"mic_high"};\n'
    high = "int mic_high(int x) { return x; }\n"
    tree = write_tree(tmp_path, {"base/low.c": low, "frame/high.c": high})
    assert tree.upward() == [] == tree.circle()


def test_a_circle_is_found(tmp_path: Path) -> None:
    a = '#include "a.h"\n#include "b.h"\nint mic_a(int x) { return mic_b(x); }\n'
    b = '#include "b.h"\nstatic int (*const back)(int) = mic_a;\nint mic_b(int x) { return 1; }\n'
    tree = write_tree(tmp_path, {"base/a.c": a, "base/a.h": "", "base/b.c": b, "base/b.h": ""})
    assert tree.upward() == []
    assert len(tree.circle()) == 2
