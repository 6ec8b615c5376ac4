# SPDX-License-Identifier: MIT
"""Public paths: the names of 0.1.0, the modules that classes name, and their type hints."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mic

FACES = [
    "mic.archive",
    "mic.benchmark",
    "mic.cli",
    "mic.dicom",
    "mic.display",
    "mic.gpu",
    "mic.torch",
    "mic.transcode",
    "mic.volume",
]
"""The folders that are public through their ``__init__``."""

NAMES_OF_0_1_0 = {
    "mic": """
        CODECS CONTAINERS DEFAULT_CODEC MAX_PIXELS CorruptDataError Level LimitError MICLossless
        MicError MicFile MicWriter SlideWriter StreamInfo StreamPart UnsupportedError VerifyError
        __version__ archive cpu_info create create_slide decode decode_batch dicom display encode
        gpu imagecodecs info jpegls numcodecs open register stages torch transcode unregister
        volume zarr
    """,
    "mic._mic": """
        DecodeJobs ISA_NAMES Layout active_isa best_isa compiler cpu_model decode_frames
        decode_plain decode_tiles delta_decode delta_encode encode encode_first_frames encode_frame
        encode_frames entropy_decode entropy_encode halve rle_count rle_decode rle_encode
        stream_decode stream_encode use_isa wavelet_decode wavelet_encode wavelet_shape write_index
        write_tile_table ycocg_pixels ycocg_planes
    """,
    "mic.api": """
        CODECS DEFAULT_CODEC DEFAULT_STATES MAX_PIXELS SLIDE_CONTAINERS STATES StreamInfo
        check_forced_isa cpu_info decode decode_batch encode info
    """,
    "mic.archive": "Path Record Run execute prepare transcode",
    "mic.benchmark": """
        Array Codec MEGABYTE MIN_SECONDS Measurement Progress RealImage Summary Timing document
        geometric_mean machine measure_all measure_image speed_against summarize write_json
    """,
    "mic.cli": "main",
    "mic.dicom": "MICLossless compress decode_frames decompress mark to_multiframe",
    "mic.display": "WINDOWS Window to_uint8",
    "mic.errors": """
        CorruptDataError LimitError MicError UnsupportedError VerifyError error_from_core located
        one_sentence
    """,
    "mic.files": "MicFile MicWriter PathLike create open",
    "mic.gpu": "Batch Status decode_batch has_device register status unregister",
    "mic.imagecodecs": "MIC mic_check mic_decode mic_encode mic_version",
    "mic.jpegls": "PROFILES check compress encode_frames largest_near",
    "mic.numcodecs": "Mic",
    "mic.slides": "Level Read SlideWriter create_slide",
    "mic.stages": """
        PREDICTORS STREAM_KINDS WAVELETS Words decode_stream delta_decode delta_encode encode_stream
        fse_decode fse_encode huffman_decode huffman_encode rans_decode rans_encode rle_decode
        rle_encode wavelet_decode wavelet_encode ycocg_decode ycocg_encode
    """,
    "mic.torch": """
        Batch DicomSeries DicomSlices PathLike Slice collate read_dicom_to_tensor register_in_worker
    """,
    "mic.transcode": """
        Record change_syntax compare_files compare_frames read_dicom sha256_of transcode_file
    """,
    "mic.volume": "Heads SeriesInfo Triple Volume frames_of_series list_series read read_series",
    "mic.zarr": "MicCodec",
}
"""What the modules of 0.1.0 defined without an underscore, and what they were documented with."""

# Hints that name a package imported for type checkers only.  0.1.0 had them too.
UNRESOLVED = {
    "mic.dicom.to_multiframe": "Dataset",
    "mic.jpegls.compress": "Dataset",
    "mic.transcode.change_syntax": "Dataset",
    "mic.volume.Volume.to_sitk": "SimpleITK",
    "mic.volume.Volume.to_tensor": "torch",
    "mic.zarr.MicCodec.compute_encoded_size": "ArraySpec",
    "mic.zarr.MicCodec.evolve_from_array_spec": "ArraySpec",
    "mic.zarr.MicCodec.to_dict": "JSON",
    "mic.zarr.MicCodec.validate": "ZDType",
}


def imported(module: str) -> ModuleType:
    """Import the module, or skip the test if the extra that it needs is missing."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if "pip install" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.mark.parametrize("module", NAMES_OF_0_1_0)
def test_names_of_0_1_0(module: str) -> None:
    face = imported(module)
    missing = []
    for name in NAMES_OF_0_1_0[module].split():
        try:
            getattr(face, name)
        except ModuleNotFoundError as error:  # an extra, which the error names
            assert "pip install" in str(error)
        except AttributeError:
            missing.append(name)
    assert not missing


def is_module(face: ModuleType, name: str) -> bool:
    try:
        return inspect.ismodule(getattr(face, name))
    except ModuleNotFoundError as error:  # a module that needs an extra, which the error names
        return "pip install" in str(error)


@pytest.mark.parametrize("module", ["mic", *FACES])
def test_no_module_hides_a_name(module: str) -> None:
    """Importing a submodule sets it in its package, where it would replace a function."""
    face = imported(module)
    files = {file.name for file in pkgutil.iter_modules(face.__path__)}
    names = {*getattr(face, "__all__", ()), *NAMES_OF_0_1_0[module].split()}
    names |= {name for name, value in vars(face).items() if callable(value)}
    hidden = sorted(name for name in names & files if not is_module(face, name))
    assert not hidden, f"rename the files {hidden} of {module}"


@pytest.mark.parametrize("module", ["mic", *NAMES_OF_0_1_0])
def test_star_imports(module: str) -> None:
    face = imported(module)
    for name in getattr(face, "__all__", ()):
        assert getattr(face, name) is not None


def public_objects(module: str) -> Iterator[tuple[str, Any]]:
    """Classes and functions of mic by the path that users import them from."""
    face = imported(module)
    for name in getattr(face, "__all__", None) or NAMES_OF_0_1_0[module].split():
        value = getattr(face, name)
        if getattr(value, "__module__", "").startswith("mic") and callable(value):
            yield f"{module}.{name}", value


@pytest.mark.parametrize("module", [name for name in NAMES_OF_0_1_0 if name != "mic._mic"])
def test_classes_name_a_public_module(module: str) -> None:
    for path, value in public_objects(module):
        if inspect.isclass(value):
            home = value.__module__
            assert home in NAMES_OF_0_1_0, f"{path} says that it is of {home}"
            assert getattr(importlib.import_module(home), value.__name__) is value


@pytest.mark.parametrize("module", [name for name in NAMES_OF_0_1_0 if name != "mic._mic"])
def test_type_hints(module: str) -> None:
    """Tools can resolve the annotations, whichever file holds the class."""
    parts: dict[str, Any] = {}
    for path, value in public_objects(module):
        parts[path] = value
        if inspect.isclass(value):
            own = {n: m for n, m in vars(value).items() if n[0] != "_" and inspect.isfunction(m)}
            parts |= {f"{path}.{name}": method for name, method in own.items()}
    failed = {}
    for name, part in parts.items():
        try:
            typing.get_type_hints(part)
        except NameError as error:
            failed[name] = error.name
    assert failed == {name: UNRESOLVED[name] for name in parts if name in UNRESOLVED}


def test_hints_of_a_published_class() -> None:
    from mic.volume import Volume

    hints = typing.get_type_hints(Volume)
    assert hints["spacing"] == tuple[float, float, float]
    assert typing.get_type_hints(mic.StreamInfo)["parts"] == tuple[mic.StreamPart, ...]


def test_other_folders_offer_nothing() -> None:
    """A folder that is not public has a docstring in its ``__init__`` and no names."""
    for path in Path(mic.__file__).parent.glob("*/__init__.py"):
        if f"mic.{path.parent.name}" not in FACES:
            assert len(ast.parse(path.read_text(encoding="utf-8")).body) == 1, path
