# SPDX-License-Identifier: MIT
"""Round trips through every codec of the installed package: `smoke.py EXPECTED_ISA`.

For machines that are not what /proc/cpuinfo tells: emulated ones, and forced kernels.
"""

import sys

import kernels
import numpy as np

import mic

kernels.check_kernels(mic.cpu_info(), {"the caller": sys.argv[1]})
random = np.random.default_rng(0)
smooth = random.normal(0, 9, (3, 150, 163)).cumsum(axis=2).astype(np.int16)
images = [smooth, smooth.astype(np.uint8), random.integers(0, 65536, (70, 90), np.uint16)]
for image in images:
    for codec in mic.CODECS:
        stream = mic.encode(image, codec=codec)
        assert (mic.decode(stream) == image).all(), (codec, image.dtype, image.shape)
        assert mic.info(stream).dtype == image.dtype
print(f"mic {mic.__version__}: {len(images) * len(mic.CODECS)} round trips on {sys.argv[1]}")
