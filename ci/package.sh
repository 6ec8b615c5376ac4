#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Can a stranger build and install it?  The source distribution builds without the
# network, the wheel made from it has all its modules outside of the source tree, and
# neither needs more than the oldest processor of its architecture.
#
#     ci/package.sh              makes the source distribution first
#     ci/package.sh SDIST        tests that one
#
# The wheel stays in $WHEELS, if that is given.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
wheels=${WHEELS:-$work/wheels}
trap 'rm -rf "$work" "$root/mic_codec.egg-info"' EXIT # of the sdist; it would pass for an installed package

python3 -m venv "$work/venv"
python=$work/venv/bin/python
"$python" -m pip install --quiet --upgrade pip
"$python" -m pip install --quiet build "setuptools>=77" "cython>=3.1" numpy pydicom

sdist=${1:-}
if [ -z "$sdist" ]; then
    "$python" -m build --quiet --sdist --no-isolation --outdir "$work/dist" "$root"
    sdist=$(echo "$work"/dist/*.tar.gz)
fi
sdist=$(realpath "$sdist")
mkdir "$work/unpacked"
tar -xzf "$sdist" -C "$work/unpacked" --strip-components=1

if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    echo "== the sdist holds what is tracked, without hidden files and drawings, and what setuptools adds"
    git ls-files ':!.*' ':!*.svg' | sort >"$work/expected"
    (cd "$work/unpacked" && find . -type f ! -path './*.egg-info/*' ! -path ./PKG-INFO ! -path ./setup.cfg) |
        sed 's,^\./,,' | sort >"$work/found"
    diff "$work/expected" "$work/found"
fi
cd "$work"

echo "== the sdist builds offline"
"$python" -m pip wheel --quiet --no-index --no-build-isolation --no-deps --wheel-dir "$wheels" "$sdist"
"$python" -m pip install --quiet --no-index --no-deps "$wheels"/*.whl

echo "== the wheel, outside of the sources"
rm -rf unpacked/mic # only the installed package may be found
"$python" "$root/ci/wheel.py" --imports

if [ "$(uname -m)" = x86_64 ] && command -v qemu-x86_64 >/dev/null; then
    # The oldest processor that numpy itself runs on; it has no AVX.  A forced kernel of the
    # matrix library would fail there for reasons that are not ours.
    echo "== the wheel on a Westmere (2010), emulated"
    env -u OPENBLAS_CORETYPE qemu-x86_64 -cpu Westmere "$python" "$root/ci/smoke.py" scalar
    echo "== the wheel on a Haswell (2013), emulated"
    env -u OPENBLAS_CORETYPE qemu-x86_64 -cpu Haswell "$python" "$root/ci/smoke.py" avx2 2>/dev/null
else
    echo "== an old processor: forced only, there is no qemu-x86_64"
    MIC_CPU=scalar "$python" "$root/ci/smoke.py" scalar
fi
