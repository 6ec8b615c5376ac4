# SPDX-License-Identifier: MIT
"""The files that every later version must decode do not change.

``data/frozen.sha256`` (the format of ``sha256sum``) lists them.  Files are added, with
their lines; a line is never changed or removed: docs/errata.md says what to do instead.
That the files decode to what they should is tested by test_reference_decoder (native),
test_vectors and test_mic3 (published).
"""

import hashlib
import json
from pathlib import Path

DATA = Path(__file__).parents[1] / "data"
FOLDERS = ("mic3", "native", "published")
LISTED = {
    name: digest
    for digest, name in (
        line.split("  ", 1) for line in (DATA / "frozen.sha256").read_text().splitlines()
    )
}


def test_no_frozen_file_changes() -> None:
    changed = [
        name
        for name, digest in LISTED.items()
        if not (DATA / name).exists()
        or hashlib.sha256((DATA / name).read_bytes()).hexdigest() != digest
    ]
    assert not changed, "frozen files never change; see docs/errata.md"


def test_every_frozen_file_is_listed() -> None:
    there = {
        path.relative_to(DATA).as_posix()
        for folder in FOLDERS
        for path in (DATA / folder).iterdir()
        if path.name != "manifest.json"
    }
    assert there == set(LISTED), "add the line that `sha256sum` prints to data/frozen.sha256"


def test_manifest_of_native_files_agrees() -> None:
    """The facts that the decoders are tested against belong to exactly these files."""
    facts = json.loads((DATA / "native" / "manifest.json").read_text())
    listed = {name.partition("/")[2] for name in LISTED if name.startswith("native/")}
    assert {f"native/{name}": entry["stream_sha256"] for name, entry in facts.items()} == {
        f"native/{name}": LISTED[f"native/{name}"] for name in listed
    }


def test_what_is_frozen() -> None:
    """Each version of the native format and each published container has files."""
    versions = {(DATA / name).read_bytes()[4] for name in LISTED if name.startswith("native/")}
    assert versions == {1}
    magics = {(DATA / name).read_bytes()[:4] for name in LISTED if not name.endswith(".raw.bin")}
    assert magics >= {b"\x89Mic", b"MIC1", b"MIC2", b"MIC3", b"MICR", b"PICS", b"PICA"}
