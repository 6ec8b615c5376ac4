# SPDX-License-Identifier: MIT
"""Markdown has one sentence on each line, so that a diff shows which sentence changed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = (".", "docs", "docs/api", "bench", "fuzz")
PAGES = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.md"))

# What ends with a full stop without ending a sentence.
ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|vs|cf|etc|No|Fig|Dr)|\.\.)\.$")
SENTENCE_END = re.compile(r"[.!?][)\"'*_\]]*(?= )")
LIST_MARKER = re.compile(r" *(?:[-*]|\d+\.) ")


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines without front matter, code, tables, headings and comments; those are ""."""
    fenced = indented = False
    before = ""
    text = re.sub(
        r"\A---\n.*?^---\n", lambda found: "\n" * found[0].count("\n"), text, flags=re.M | re.S
    )
    text = re.sub(r"<!--.*?-->", lambda found: "\n" * found[0].count("\n"), text, flags=re.S)
    for number, line in enumerate(text.splitlines(), 1):
        fence = line.lstrip().startswith("```")
        starts_code = line.startswith("    ") and (not before or before.startswith(":::"))
        indented = (starts_code or indented) and (line.startswith("    ") or not line)
        skipped = fenced or fence or indented or line.startswith(("|", "#", "![", ":::"))
        yield number, "" if skipped else re.sub(r"`[^`]+`", "`code`", line.rstrip())
        fenced ^= fence
        before = line


def faults(text: str) -> list[str]:
    """What breaks the rule, line by line."""
    found = []
    lines = list(prose(text))
    for (number, line), (_, following) in zip(lines, [*lines[1:], (0, "")], strict=True):
        body = LIST_MARKER.sub("", line, count=1)
        if any(
            not ABBREVIATION.search(body[: end.start() + 1]) for end in SENTENCE_END.finditer(body)
        ):
            found.append(f"line {number}: more than one sentence: {line}")
        goes_on = following and not LIST_MARKER.match(following)
        if line and goes_on and not re.search(r"[.!?][)\"'*_\]]*$", line):
            found.append(f"line {number}: a sentence goes on in the next line: {line}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_one_sentence_a_line(page: Path) -> None:
    assert faults(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "One sentence. Another one.",
        "A name ends it. mic goes on.",
        "A letter is C. Another.",
        "- A point. Another.",
        "(In brackets.) Behind them.",
        "A sentence that is\nwrapped.",
        "- a point that is\n  wrapped",
    ],
)
def test_faults_are_found(text: str) -> None:
    assert len(faults(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "One sentence, e.g. this one.\nAnother, i.e. No. 5.",
        "1. First point\n2. second point. \n\n    code. More code.\nstill code",
        "0 ... 15 are numbers.",
        "```\nA. B. C.\nd\n```",
        "| a | b. C. |\n|---|---|",
        "<!-- A comment. Another\none. -->",
        "Code like `a. b` is one word.",
    ],
)
def test_the_rest_is_free(text: str) -> None:
    assert faults(text) == []
