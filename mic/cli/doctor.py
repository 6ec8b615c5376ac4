# SPDX-License-Identifier: MIT
"""`mic doctor`: versions, processor, what is installed and what is missing."""

from __future__ import annotations

import os
import platform
import re
import sys
from importlib import metadata
from typing import Any

import click
import numpy as np

from .. import api, gpu
from .._version import __version__
from ..errors import MicError
from .options import json_option
from .run import print_json

_DISTRIBUTION = "mic-codec"
_FAST_MACHINES = ("x86_64", "amd64", "aarch64", "arm64")  # with 64 bits, in lower case
# Matches lines such as: click>=8.1; extra == "cli"
_REQUIREMENT = re.compile(r"^([\w.-]+)(?:\[[^\]]*\])?([^;]*);.*\bextra\s*==\s*['\"]([\w-]+)['\"]$")


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Show versions, the processor and what is installed.

    Codes and decodes an image with every codec; the exit code is 1 if that
    fails.  Paste the output into bug reports.
    """
    cpu = api.cpu_info()
    facts: dict[str, Any] = {
        "versions": _versions(),
        "cpu": cpu,
        "kernels": _kernels(cpu),
        "extras": _extras(),
        "dicom": _dicom_decoders(),
        "mic_lossless": _mic_lossless(),
        "gpu": gpu.status().reason,
        "self_test": {codec: _self_test(codec) for codec in api.CODECS},
    }
    healthy = all(result == "passed" for result in facts["self_test"].values())
    if as_json:
        print_json({"command": "doctor", "ok": healthy, **facts})
    else:
        _tell(facts)
    sys.exit(0 if healthy else 1)


def _versions() -> dict[str, str]:
    return {
        "mic": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": np.__version__,
        "pydicom": _version_of("pydicom") or "missing",
        "system": f"{platform.system()} {platform.machine()}",
    }


def _kernels(cpu: dict[str, Any]) -> str:
    """Tell whether the best kernels run; if not, why, and what to do about it."""
    forced = os.environ.get("MIC_CPU")
    best, active = cpu["best"], cpu["active"]
    if active != best:
        return (
            f"MIC_CPU={forced} makes mic use the {active} kernels; without it, the faster {best} "
            "kernels run"
        )
    ignored = f"MIC_CPU={forced} is not available here and has no effect; "
    before = ignored if forced not in (None, "", active) else ""
    if not cpu["scalar_reason"]:
        return f"{before}the {best} kernels run, the best of this build for this processor"
    return (
        f"{before}only the slow, scalar kernels can run, because {cpu['scalar_reason']}; "
        f"{_remedy_for_scalar(cpu)}"
    )


def _remedy_for_scalar(cpu: dict[str, Any]) -> str:
    if len(cpu["compiled"]) > 1:
        return "no other build of mic changes that"
    if platform.machine().lower() not in _FAST_MACHINES or sys.maxsize < 1 << 32:
        return "mic is fast with a 64-bit Python on x86-64 and arm64 processors"
    return (
        f"a wheel has faster ones: pip install --force-reinstall --only-binary={_DISTRIBUTION} "
        f"{_DISTRIBUTION}; so has a build by gcc, clang or MSVC without -DMIC_SCALAR_ONLY"
    )


def _version_of(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _extras() -> dict[str, dict[str, str | None]]:
    """Installed version of each distribution of each extra, None if missing."""
    extras: dict[str, dict[str, str | None]] = {}
    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return {}
    for line in requirements:
        match = _REQUIREMENT.match(line)
        if match is not None and match[1] != _DISTRIBUTION:
            extras.setdefault(match[3], {})[match[1]] = _version_of(match[1])
    return extras


def _dicom_decoders() -> dict[str, bool]:
    """Tell which compressed transfer syntaxes pydicom can decode here."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import AllTransferSyntaxes

    available = {}
    for uid in AllTransferSyntaxes:
        try:
            decoder = get_decoder(uid)
        except NotImplementedError:  # such as video, which holds no frames
            continue
        if uid.is_encapsulated:
            available[uid.name] = decoder.is_available
    return available


def _mic_lossless() -> dict[str, Any]:
    """Tell whether pydicom knows our transfer syntax in this process, and whether it could."""
    from ..dicom import plugin as pydicom_plugin
    from ..dicom.pixels import MICLossless

    registered = pydicom_plugin.is_registered()
    problem = None
    try:
        pydicom_plugin.register()
    except MicError as error:
        problem = str(error)
    finally:
        if not registered:
            pydicom_plugin.unregister()
    uid = str(MICLossless)
    return {"uid": uid, "registered": registered, "problem": problem}


def _self_test(codec: str) -> str:
    image = (np.arange(96 * 128, dtype=np.uint32) ** 2 >> 7).astype(np.uint16).reshape(96, 128)
    try:
        same = np.array_equal(api.decode(bytes(api.encode(image, codec=codec))), image)
    except Exception as error:  # whatever is wrong, the user runs this to see it
        return f"failed: {error}"
    return "passed" if same else "failed: the image did not come back"


def _tell(facts: dict[str, Any]) -> None:
    for name, version in facts["versions"].items():
        print(f"{name:10} {version}")
    for name in ("model", "cpus", "compiler"):
        print(f"{'cpu ' + name:10} {facts['cpu'][name]}")
    print(f"{'kernels':10} {facts['kernels']}")
    for extra, packages in facts["extras"].items():
        found = [f"{name} {version}" for name, version in packages.items() if version]
        missing = [name for name, version in packages.items() if not version]
        print(f"\nextra {extra}: {', '.join(found) or 'nothing'} installed")
        if missing:
            print(f'  missing: {", ".join(missing)}; pip install "{_DISTRIBUTION}[{extra}]"')
    without = [name for name, available in facts["dicom"].items() if not available]
    if without:
        print(f"\nDICOM syntaxes without a decoder here: {'; '.join(without)}")
        print(f'  pip install "{_DISTRIBUTION}[dicom]"')
    print(f"\nGPU decoding: {facts['gpu']}")
    syntax = facts["mic_lossless"]
    print(f"\nDICOM syntax MIC Lossless, {syntax['uid']}")
    if syntax["problem"]:
        print(f"  mic.register() does not work here: {syntax['problem']}")
    else:
        state = "is registered with pydicom" if syntax["registered"] else "is not registered yet"
        print(f"  {state}; mic.register() works, each process calls it for itself")
    print()
    for codec, result in facts["self_test"].items():
        print(f"self-test of {codec}: {result}")
