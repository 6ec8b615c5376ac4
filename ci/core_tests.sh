#!/bin/sh
# SPDX-License-Identifier: MIT
# Names the tests that reach the C core by themselves.  The others use it through
# files, frameworks and commands: once, with the best kernels, is enough for them.
cd "$(dirname "$0")/.."
applications='archive|benchmark|cli|dicom|display|docs|examples|gpu|imagefiles|jpegls|loading|multiframe|pydicom|series|torch|transcode|view|volume|zarr'
ls tests/test_*.py | grep -vE "tests/test_($applications)"
