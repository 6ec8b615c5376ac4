# SPDX-License-Identifier: MIT
"""Data sets in MIC Lossless over the network: C-STORE between two applications that use mic."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

import mic
from mic import dicom

pynetdicom = pytest.importorskip("pynetdicom", reason="pynetdicom is not installed")


@pytest.fixture
def received(tmp_path: Path) -> Iterator[tuple[int, list[pydicom.Dataset]]]:
    """Port and data sets of a receiver on the loopback interface that takes MIC Lossless."""
    datasets: list[pydicom.Dataset] = []

    def store(event: Any) -> int:
        ds = event.dataset
        ds.file_meta = event.file_meta
        ds.save_as(tmp_path / f"received{len(datasets)}.dcm", enforce_file_format=True)
        datasets.append(ds)
        return 0x0000

    entity = pynetdicom.AE("RECEIVER")
    entity.add_supported_context(CTImageStorage, [mic.MICLossless, ExplicitVRLittleEndian])
    server = entity.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[
            (pynetdicom.evt.EVT_ACCEPTED, lambda event: dicom.mark(event.assoc)),
            (pynetdicom.evt.EVT_C_STORE, store),
        ],
    )
    yield server.socket.getsockname()[1], datasets
    server.shutdown()


def associate(port: int, syntaxes: list[pydicom.uid.UID]) -> Any:
    entity = pynetdicom.AE("SENDER")
    entity.add_requested_context(CTImageStorage, syntaxes)
    association = entity.associate("127.0.0.1", port)
    assert association.is_established
    return association


@pytest.mark.parametrize("is_registered", [False, True])
def test_store_and_read_back(
    is_registered: bool, received: tuple[int, list[pydicom.Dataset]], tmp_path: Path
) -> None:
    port, datasets = received
    array = np.arange(3 * 20 * 30, dtype="i2").reshape(3, 20, 30)
    write_dicom(tmp_path / "a.dcm", array, PatientName="Loopback^Test")
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    native = ds.PixelData
    dicom.compress(ds)
    if is_registered:
        mic.register()
    try:
        association = dicom.mark(associate(port, [mic.MICLossless]))
        status = association.send_c_store(ds)
        association.release()
    finally:
        mic.unregister()
    assert status.Status == 0x0000
    assert datasets[0].PixelData == ds.PixelData
    assert datasets[0].PatientName == "Loopback^Test"
    assert (dicom.decode_frames(tmp_path / "received0.dcm") == array).all()
    stored = pydicom.dcmread(tmp_path / "received0.dcm")
    assert stored.file_meta.TransferSyntaxUID == mic.MICLossless
    dicom.decompress(stored)
    assert stored.PixelData == native


def test_receiver_without_the_syntax(
    received: tuple[int, list[pydicom.Dataset]], tmp_path: Path
) -> None:
    """Follow the page: decompress, and send in a standard syntax."""
    port, datasets = received
    write_dicom(tmp_path / "a.dcm", np.arange(600, dtype="u2").reshape(20, 30))
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    native = ds.PixelData
    dicom.compress(ds)
    association = associate(port, [ExplicitVRLittleEndian])
    with pytest.raises(ValueError, match="presentation context"):
        association.send_c_store(dicom.mark(ds))
    dicom.decompress(ds)
    assert association.send_c_store(ds).Status == 0x0000
    association.release()
    assert datasets[0].PixelData == native
