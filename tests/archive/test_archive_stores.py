# SPDX-License-Identifier: MIT
"""`mic.archive` on file systems that fail, lie or stop midway, and on S3."""

import base64
import hashlib
import shutil
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

pytest.importorskip("distributed")

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

import mic
from mic import archive


class Unreliable(MemoryFileSystem):
    """Fail like a network: the first attempts fail, in a way that a test chooses."""

    protocol = ("unreliable", "memory")
    failures = 0
    way = ""

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.partition("://")[2] if "://" in path else path)

    def put_file(self, lpath, rpath, **options):
        if not type(self).failures:
            return super().put_file(lpath, rpath, **options)
        type(self).failures -= 1
        data = Path(lpath).read_bytes()
        if self.way == "cut":
            self.pipe_file(rpath, data[:100])
            raise OSError("connection reset")
        self.pipe_file(rpath, data[:-1] if self.way == "short" else data[:-1] + b"x")

    def get_file(self, rpath, lpath, **options):
        if self.way == "short download" and type(self).failures:
            type(self).failures -= 1
            Path(lpath).write_bytes(b"short")
            return None
        return super().get_file(rpath, lpath, **options)


class Store(Unreliable):
    """An object store: a name appears only once everything has arrived, with the MD5."""

    protocol = ("oss", "memory")
    checksums = True

    def info(self, path, **options):
        info = super().info(path, **options)
        if info["type"] == "file" and self.checksums:
            md5 = hashlib.md5(self.cat_file(path)).digest()
            info["ETag"] = f'"{md5.hex()}"'
            info["content_md5"] = base64.b64encode(md5).decode()
        return info


for kind in (Unreliable, Store):
    fsspec.register_implementation(kind.protocol[0], kind, clobber=True)


@pytest.fixture
def source(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(get_testdata_file(name, download=False), tmp_path / "in")
    return tmp_path / "in"


@pytest.fixture(params=[Unreliable, Store], ids=["renames", "puts whole"])
def fs(request, monkeypatch):
    kind = request.param
    kind.store.clear()
    for attribute, value in (("way", ""), ("failures", 0)):
        monkeypatch.setattr(kind, attribute, value)
    yield kind
    kind.store.clear()


@pytest.mark.parametrize("way", ["cut", "short", "changed"])
def test_uploads_that_fail_are_tried_again(source, fs, way):
    url = f"{fs.protocol[0]}://out"
    fs.way, fs.failures = way, 3
    records = archive.transcode(source, url)
    assert [record.status for record in records] == ["ok", "ok"]
    assert sorted(fs.store) == ["/out/CT_small.dcm", "/out/MR_small.dcm"]
    for record in records:
        stored = fs.store[f"/out/{Path(record.source).name}"].getvalue()
        assert hashlib.sha256(stored).hexdigest() == record.target_sha256


@pytest.mark.parametrize("way", ["cut", "short", "changed"])
def test_uploads_that_always_fail_leave_nothing(source, fs, way):
    fs.way, fs.failures = way, 1000
    records = archive.transcode(source, f"{fs.protocol[0]}://out", retries=1)
    assert [record.status for record in records] == ["failed", "failed"]
    assert not fs.store
    assert fs.failures == 1000 - 2 * 2
    assert ("connection reset" if way == "cut" else "not what was sent") in records[0].message


def test_downloads_that_are_cut(source, fs, tmp_path):
    url = f"{fs.protocol[0]}://out"
    archive.transcode(source, url)
    fs.way, fs.failures = "short download", 2
    records = archive.transcode(url, tmp_path / "back", to="explicit")
    assert [record.status for record in records] == ["ok", "ok"]
    fs.failures = 1000
    records = archive.transcode(url, tmp_path / "none", to="explicit", retries=0)
    assert "came with 5 bytes" in records[0].message
    assert not list((tmp_path / "none").iterdir())


def test_a_checksum_of_the_store_spares_reading_again(source, monkeypatch):
    reads = []
    get_file = Store.get_file
    monkeypatch.setattr(
        Store,
        "get_file",
        lambda fs, path, *rest, **o: reads.append(path) or get_file(fs, path, *rest, **o),
    )
    Store.store.clear()
    assert archive.transcode(source, "oss://out")[0].status == "ok"
    assert not reads
    monkeypatch.setattr(Store, "checksums", False)
    assert archive.transcode(source, "oss://again")[0].status == "ok"
    assert sorted(reads) == ["/again/CT_small.dcm", "/again/MR_small.dcm"]
    Store.store.clear()


def test_s3(source, tmp_path, monkeypatch):
    """Use processes and a server that speaks S3; skipped without s3fs and moto."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = {"key": "k", "secret": "s", "endpoint_url": f"http://{host}:{port}"}
        fs = fsspec.filesystem("s3", **options)
        fs.mkdir("bucket")
        report, kept = tmp_path / "r.jsonl", {"src_options": options, "dst_options": options}
        first = archive.transcode(
            source, "s3://bucket/mic", jobs=2, report=report, dst_options=options
        )
        assert [record.status for record in first] == ["ok", "ok"]
        assert (
            archive.transcode(source, "s3://bucket/mic", report=report, dst_options=options)
            == first
        )
        assert (
            "secret" not in report.read_text() and options["endpoint_url"] not in report.read_text()
        )
        moved = archive.transcode("s3://bucket/mic", "s3://bucket/plain", "explicit", **kept)
        assert [record.sha256 for record in moved] == [record.sha256 for record in first]
        fs.invalidate_cache()
        assert fs.find("bucket/plain") == [
            f"bucket/plain/{p.name}" for p in sorted(source.iterdir())
        ]
        with pytest.raises(mic.MicError, match="s3://other/mic cannot be written"):
            archive.transcode(source, "s3://other/mic", dst_options=options)
    finally:
        server.stop()
