# SPDX-License-Identifier: MIT
"""Every image file that pip installed, through MIC and back; see walk.py."""

import logging

import pytest
import walk

import mic

FILES = walk.image_files()
PLUGINS_MISSING = ("missing dependencies", "is installed (")


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setattr(logging.getLogger("pydicom"), "disabled", True)
    mic.register()
    yield
    mic.unregister()


@pytest.mark.parametrize("name", FILES)
def test_walk(name, tmp_path):
    failure = walk.failure_of(FILES[name], tmp_path)
    if failure is not None and any(text in failure[1] for text in PLUGINS_MISSING):
        pytest.skip("a decoder is not installed")
    for kind in ("undecodable", "refused"):
        assert (name in walk.listed(kind)) == (failure is not None and failure[0] == kind), failure


def test_there_are_files_of_every_lossless_syntax():
    """The walk found files: pydicom alone ships these."""
    names = {"MR_small_RLE.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm"}
    assert names | {"image_dfl.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm"} <= {*FILES}
