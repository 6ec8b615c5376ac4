# SPDX-License-Identifier: MIT
"""Data sets in MIC Lossless in a real Orthanc, through its REST interface and DICOMweb."""

import email.parser
import email.policy
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom

import mic
from mic import dicom

PLUGINS = Path("/usr/share/orthanc/plugins")
BOUNDARY = "mic-test-boundary"
ORTHANC = shutil.which("Orthanc")

pytestmark = pytest.mark.skipif(
    ORTHANC is None or not (PLUGINS / "libOrthancDicomWeb.so").exists(),
    reason="Orthanc with its DICOMweb plugin is not installed (orthanc, orthanc-dicomweb)",
)


class Server:
    """An Orthanc server on the loopback interface."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, data: bytes | None = None, **headers: str) -> bytes:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            content: bytes = answer.read()
            kind = answer.headers["Content-Type"]
        if not kind.startswith("multipart/related"):
            return content
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + content)
        (part,) = message.iter_parts()
        return part.get_payload(decode=True)


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("orthanc")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "DicomServerEnabled": False,
        "Plugins": [str(PLUGINS / "libOrthancDicomWeb.so")],
        "DicomWeb": {"Enable": True},
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(ORTHANC), str(folder / "orthanc.json")], stdout=log, stderr=log
        )
    server = Server(port)
    try:
        wait_for(server, process, folder / "log")
        yield server
    finally:
        process.terminate()
        process.wait(20)


def wait_for(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            server.ask("/system")
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"Orthanc does not answer: {log.read_text(encoding='utf-8')}")


@pytest.fixture
def stored(tmp_path: Path) -> tuple[pydicom.Dataset, bytes, np.ndarray]:
    """A data set in MIC Lossless, its file, and its pixels."""
    array = np.arange(3 * 40 * 50, dtype="u2").reshape(3, 40, 50) % 4001
    uid = pydicom.uid.generate_uid
    write_dicom(
        tmp_path / "a.dcm",
        array,
        StudyInstanceUID=uid(),
        SeriesInstanceUID=uid(),
        PatientID="1",
    )
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    dicom.compress(ds)
    ds.save_as(tmp_path / "b.dcm")
    return ds, (tmp_path / "b.dcm").read_bytes(), array


def check_file(data: bytes, expected: bytes, array: np.ndarray, folder: Path) -> None:
    assert data == expected
    (folder / "fetched.dcm").write_bytes(data)
    assert (dicom.decode_frames(folder / "fetched.dcm") == array).all()


def test_rest(
    orthanc: Server, stored: tuple[pydicom.Dataset, bytes, np.ndarray], tmp_path: Path
) -> None:
    _, data, array = stored
    instance = json.loads(orthanc.ask("/instances", data))["ID"]
    check_file(orthanc.ask(f"/instances/{instance}/file"), data, array, tmp_path)
    for number in range(3):
        fragment = orthanc.ask(f"/instances/{instance}/frames/{number}/raw")
        assert (mic.decode(fragment) == array[number]).all()


def test_dicomweb(
    orthanc: Server, stored: tuple[pydicom.Dataset, bytes, np.ndarray], tmp_path: Path
) -> None:
    ds, data, array = stored
    part = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    orthanc.ask(
        "/dicom-web/studies",
        part + data + f"\r\n--{BOUNDARY}--\r\n".encode(),
        Content_Type=f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
        Accept="application/dicom+json",
    )
    path = (
        f"/dicom-web/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
        f"/instances/{ds.SOPInstanceUID}"
    )
    kind = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    check_file(orthanc.ask(path, Accept=kind), data, array, tmp_path)
    kind = 'multipart/related; type="application/octet-stream"'
    for number in range(3):
        fragment = orthanc.ask(f"{path}/frames/{number + 1}", Accept=kind)
        assert (mic.decode(fragment) == array[number]).all()
    metadata = json.loads(orthanc.ask(f"{path}/metadata", Accept="application/dicom+json"))
    assert metadata[0]["00280010"]["Value"] == [40]


def test_what_orthanc_cannot_do(
    orthanc: Server, stored: tuple[pydicom.Dataset, bytes, np.ndarray]
) -> None:
    """Orthanc shows no preview and transcodes nothing, as the page says."""
    instance = json.loads(orthanc.ask("/instances", stored[1]))["ID"]
    with pytest.raises(urllib.error.HTTPError) as caught:
        orthanc.ask(f"/instances/{instance}/preview")
    assert caught.value.code == 415
