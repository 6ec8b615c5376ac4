# SPDX-License-Identifier: MIT
"""The commits that `git blame` skips are in the history, with the subjects that the list gives."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIST = ROOT / ".git-blame-ignore-revs"


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def has_history() -> bool:
    """Is this the work tree of a whole clone, rather than a shallow one or no clone at all?"""
    try:
        top, shallow = git("rev-parse", "--show-toplevel", "--is-shallow-repository").splitlines()
    except (OSError, ValueError):  # git is not installed; not a repository
        return False
    return Path(top).resolve() == ROOT.resolve() and shallow == "false"


@pytest.mark.skipif(not LIST.exists(), reason="the list is not here")
def test_listed_commits_exist() -> None:
    listed = re.findall(r"^# (.*)\n([0-9a-f]{40})$", LIST.read_text(), re.M)
    assert len(listed) == len(re.findall(r"^[^#\s]", LIST.read_text(), re.M)) > 0
    if not has_history():
        pytest.skip("the history is not here")
    for subject, commit in listed:
        assert git("log", "-1", "--format=%s", commit) == subject, commit
        assert git("merge-base", commit, "HEAD") == commit, f"{commit} is not in the history"
