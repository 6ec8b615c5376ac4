# SPDX-License-Identifier: MIT
"""DICOM images for OpenCV: windowed, equalised, annotated, written as PNG.

    pip install mic-codec opencv-python-headless
    python opencv_display.py [OUTPUT_FOLDER]

It uses a CT, an MR, a colour ultrasound and a palette image that come with pydicom.
With opencv-python instead of the headless build, `cv2.imshow` shows them.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from pydicom.data import get_testdata_file

import mic

IMAGES = {
    "CT_small.dcm": (40, 400),
    "MR_small.dcm": "dicom",
    "examples_overlay.dcm": "auto",
    "examples_palette.dcm": "auto",
    "examples_rgb_color.dcm": "auto",
}


def for_opencv(picture: np.ndarray) -> np.ndarray:
    """Put blue first, as OpenCV expects it."""
    return picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)


def main(folder: Path) -> None:
    for name, window in IMAGES.items():
        path = get_testdata_file(name, download=False)
        picture = mic.display.to_uint8(path, window=window, overlays=True)
        image = for_opencv(picture)
        if image.ndim == 2:  # local contrast, for a second look at grey images
            image = cv2.hconcat([image, cv2.createCLAHE(2.0, (4, 4)).apply(image)])
        height, width = image.shape[:2]
        scale = max(1, 480 // height)
        image = cv2.resize(image, (width * scale, height * scale), interpolation=cv2.INTER_NEAREST)
        cv2.putText(image, name, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
        target = folder / f"{Path(name).stem}.png"
        cv2.imwrite(str(target), image)
        print(f"{name}: {picture.shape} {picture.dtype}, window {window} -> {target.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())
