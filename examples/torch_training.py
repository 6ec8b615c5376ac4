# SPDX-License-Identifier: MIT
"""Train a small denoiser on random patches of DICOM files in MIC Lossless.

    pip install "mic-codec[torch]"
    python torch_training.py [FOLDER]

Without a folder it takes the CT and MR images that come with pydicom, compresses
them into a temporary folder, and trains for some seconds.
"""

import sys
import tempfile
import time
from pathlib import Path

import torch
from pydicom import dcmread
from pydicom.data import data_manager
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader

import mic.dicom
import mic.torch

NAMES = ("CT_small.dcm", "MR_small.dcm", "examples_overlay.dcm")
PATCH = (48, 48)


def compress_installed(folder: Path) -> None:
    """Write copies of pydicom's files in MIC Lossless."""
    for name in NAMES:
        path = Path(data_manager.DATA_ROOT) / "test_files" / name
        if not path.exists():
            continue
        ds = dcmread(path)
        if ds.file_meta.TransferSyntaxUID.is_compressed:
            ds.decompress()
        native = len(ds.PixelData)
        mic.dicom.compress(ds)
        print(f"{name}: {native} -> {len(ds.PixelData)} bytes of pixel data")
        ds.save_as(folder / name)


def standardize(patch: torch.Tensor) -> torch.Tensor:
    return (patch - patch.mean()) / (patch.std() + 1)


def train(folder: Path, epochs: int = 8) -> None:
    patches = mic.torch.DicomSlices(folder, patch=PATCH, transform=standardize)
    print(f"{len(patches)} frames, patches of {PATCH[0]} x {PATCH[1]}")
    torch.manual_seed(1)
    many = ConcatDataset([patches] * (1 + 64 // len(patches)))
    loader = DataLoader(many, batch_size=16, shuffle=True, collate_fn=mic.torch.collate)
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    start, seen = time.perf_counter(), 0
    for epoch in range(epochs):
        total = 0.0
        for clean in loader:
            noisy = clean + 0.5 * torch.randn_like(clean)
            loss = nn.functional.mse_loss(model(noisy), clean)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(clean)
            seen += len(clean)
        print(f"epoch {epoch}: mean squared error {total / len(many):.3f}")
    print(f"{seen / (time.perf_counter() - start):.0f} patches a second, training included")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        train(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            compress_installed(Path(temporary))
            train(Path(temporary))
