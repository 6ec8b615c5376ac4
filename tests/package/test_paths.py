# SPDX-License-Identifier: MIT
"""What systems make of paths; the rules of Windows are checked everywhere, on its paths."""

from pathlib import Path, PureWindowsPath

import pytest

import mic
from mic import paths
from mic.images import kinds
from mic.paths import collisions, extended, for_system, refuse_name, relative

LONG = "\\".join(["study of a patient with many series"] * 8)


@pytest.fixture
def windows(monkeypatch):
    monkeypatch.setattr(paths, "WINDOWS", True)


def test_long_paths_get_a_prefix(windows):
    assert str(for_system(PureWindowsPath(f"C:/{LONG}/../a"))).startswith("\\\\?\\C:\\study of a")
    assert ".." not in str(for_system(PureWindowsPath(f"C:/{LONG}/../a")))  # taken as a name there
    share = PureWindowsPath(f"//server/share/{LONG}")
    assert str(for_system(share)) == f"\\\\?\\UNC\\server\\share\\{LONG}"
    assert for_system(for_system(share)) == for_system(share)


def test_others_stay_as_they_are(windows):
    for text in (
        "a.dcm",
        "C:\\a.dcm",
        "\\\\server\\share\\a",
        f"\\\\?\\C:\\{LONG}",
        "\\\\.\\C:\\a",
    ):
        assert str(for_system(PureWindowsPath(text))) == text


def test_other_systems_have_no_prefix(monkeypatch):
    monkeypatch.setattr(paths, "WINDOWS", False)
    path = Path("a" * 300)
    assert for_system(path) is path and extended(path) is path


def test_relative_paths_between_both_forms(windows):
    folder = PureWindowsPath("C:/in")
    deep = folder / LONG / "a.dcm"
    assert for_system(deep) != deep
    assert relative(for_system(deep), folder) == PureWindowsPath(LONG, "a.dcm")


def test_trees_are_walked_in_the_long_form(tmp_path, monkeypatch):
    """Otherwise what lies too deep would be left out without a word."""
    (tmp_path / "long form" / "deep").mkdir(parents=True)
    (tmp_path / "long form" / "deep" / "b.dcm").touch()
    (tmp_path / "long form" / "a.dcm").touch()
    folder = tmp_path / "short form"  # which the system cannot list
    monkeypatch.setattr(kinds, "extended", lambda path: tmp_path / "long form")
    monkeypatch.setattr(
        kinds, "for_system", lambda path: path.with_suffix(".long") if path.stem == "b" else path
    )
    found = kinds.files_below(folder)
    assert found == [folder / "a.dcm", folder / "deep" / "b.long"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("NUL", "is the name of a device"),
        ("nul.mic", "is the name of a device"),
        ("aux .tar.gz", "is the name of a device"),
        ("LPT9.dcm", "is the name of a device"),
        ("com³", "is the name of a device"),
        ("1.2.840.", "ends in '.'"),
        ("scan ", "ends in ' '"),
        ("T1:axial.dcm", "contains ':'"),  # would be a second content of the file T1
        ("a\\b", "contains '\\\\'"),
        ("a\x07b", "contains '\\x07'"),
    ],
)
def test_names_that_windows_does_not_have(windows, name, reason):
    with pytest.raises(mic.UnsupportedError) as caught:
        refuse_name(name, f"out/{name}")
    message = str(caught.value)
    assert message.startswith(f"out/{name}: the name {name!r} {reason}, ")
    assert message.endswith("which Windows does not allow; choose another name")


@pytest.mark.parametrize("name", ["1.2.840.dcm", "console.mic", "com10", "null", ".nul", "a.nul"])
def test_names_that_windows_has(windows, name):
    refuse_name(name, name)


def test_other_systems_take_any_name(monkeypatch):
    monkeypatch.setattr(paths, "WINDOWS", False)
    refuse_name("nul:", "nul:")


def test_the_file_system_is_asked_about_case(tmp_path):
    (tmp_path / "A").touch()
    folds = (tmp_path / "a").exists()
    names = ["x/A.dcm", "b", "X/a.dcm", "b", "x/a.dcm"]
    found = collisions(names, tmp_path / "new" / "folder")
    assert found == ({2: 0, 3: 1, 4: 0} if folds else {3: 1})
    assert [path.name for path in tmp_path.iterdir()] == ["A"]


def test_a_folder_that_cannot_be_asked(tmp_path, monkeypatch):
    """The one who writes there reports it."""

    def refuse(*_):
        raise PermissionError("read-only")

    monkeypatch.setattr(Path, "touch", refuse)
    assert collisions(["A", "a"], tmp_path) == {}
