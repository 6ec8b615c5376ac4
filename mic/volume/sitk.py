# SPDX-License-Identifier: MIT
"""Convert volumes to and from SimpleITK, and resample them with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..api import MAX_PIXELS
from ..arguments import choose, shown
from ..errors import LimitError, UnsupportedError
from ..extras import require

if TYPE_CHECKING:
    import SimpleITK

    from .volume import Volume

INTERPOLATORS = {
    "linear": "sitkLinear",
    "nearest": "sitkNearestNeighbor",
    "cubic": "sitkBSpline",
    "lanczos": "sitkLanczosWindowedSinc",
}


def _sitk() -> Any:
    return require("SimpleITK", "sitk")


def to_sitk(volume: Volume) -> SimpleITK.Image:
    """See `Volume.to_sitk`."""
    array = volume.array
    if array.dtype.kind == "b" or array.dtype == np.float16:
        array = array.astype(np.uint8 if array.dtype.kind == "b" else np.float32)
    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    image: Any = _sitk().GetImageFromArray(native, isVector=volume.is_colour)
    direction = np.eye(image.GetDimension())
    direction[:3, :3] = volume.direction
    fourth = (1.0,) if volume.times is not None else ()
    image.SetSpacing((*volume.spacing, *fourth))
    image.SetOrigin((*volume.origin, *(0.0 for _ in fourth)))
    image.SetDirection(direction.ravel().tolist())
    return image


def from_sitk(cls: type[Volume], image: SimpleITK.Image) -> Volume:
    """See `Volume.from_sitk`."""
    if not isinstance(image, _sitk().Image):
        raise UnsupportedError(f"the image is {shown(image)}, a SimpleITK.Image is expected")
    dimension = image.GetDimension()
    if dimension not in (3, 4):
        raise UnsupportedError(
            f"the image has {dimension} dimensions, 3 or 4 are expected; join slices by "
            "SimpleITK.JoinSeries"
        )
    array = _sitk().GetArrayFromImage(image)
    direction = np.reshape(image.GetDirection(), (dimension, dimension))
    if dimension == 4 and not np.allclose(direction[3], [0, 0, 0, 1]):
        raise UnsupportedError("the fourth axis of the image is no time axis: it has a direction")
    samples = image.GetNumberOfComponentsPerPixel()
    return cls(
        array,
        image.GetSpacing()[:3],
        image.GetOrigin()[:3],
        direction[:3, :3],
        {"samples_per_pixel": samples, "warnings": []},
    )


def resampled(
    volume: Volume,
    size: int | Sequence[int] | None,
    spacing: float | Sequence[float] | None,
    interpolator: str,
) -> Volume:
    """See `Volume.resample`."""
    sitk = _sitk()
    choose("interpolator", interpolator, INTERPOLATORS)
    new_size, new_spacing = _new_grid(volume, size, spacing)
    # Keep the centre of the region where it is.
    old_last, new_last = np.array(volume.size) - 1, np.array(new_size) - 1
    half = (old_last * volume.spacing - new_last * new_spacing) / 2
    origin = volume.origin + volume.direction @ half
    grid = sitk.ResampleImageFilter()
    grid.SetSize([int(n) for n in new_size])
    grid.SetOutputSpacing([float(part) for part in new_spacing])
    grid.SetOutputOrigin(origin.tolist())
    grid.SetOutputDirection(volume.direction.ravel().tolist())
    grid.SetInterpolator(getattr(sitk, INTERPOLATORS[interpolator]))
    grid.UseNearestNeighborExtrapolatorOn()  # no zeros beyond the outermost voxel centres
    is_exact = interpolator == "nearest"
    times = [volume] if volume.times is None else [volume.at(t) for t in range(volume.times)]
    arrays = [_execute(grid, one, is_exact) for one in times]
    array = arrays[0] if volume.times is None else np.stack(arrays)
    metadata = {**volume.metadata, "resampled_from": (volume.size, volume.spacing)}
    metadata.pop("files", None)  # the slices no longer correspond to files
    return replace(
        volume,
        array=array,
        spacing=_floats(new_spacing),
        origin=_floats(origin),
        metadata=metadata,
    )


def _new_grid(
    volume: Volume, size: int | Sequence[int] | None, spacing: float | Sequence[float] | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if (size is None) == (spacing is None):
        raise UnsupportedError("pass either size or spacing to resample to")
    extent = np.array(volume.size) * volume.spacing
    wanted = np.array(np.broadcast_to(_triple(size if spacing is None else spacing), 3))
    if not (np.isfinite(wanted).all() and wanted.min() > 0):
        raise UnsupportedError(f"{wanted.tolist()} is asked for, positive numbers are expected")
    if spacing is None:
        if (wanted != wanted.astype(np.int64)).any():
            raise UnsupportedError(f"size is {wanted.tolist()}, whole numbers are expected")
        return _within_limit(wanted, volume), extent / wanted
    return _within_limit(np.maximum(1, np.rint(extent / wanted)), volume), wanted.astype(float)


def _within_limit(size: NDArray[Any], volume: Volume) -> NDArray[np.int64]:
    samples, limit = float(np.prod(size, dtype=float)), max(MAX_PIXELS, volume.array.size)
    if samples > limit:
        raise LimitError(
            f"size {size.tolist()} has {samples:.3g} samples, at most {limit} are expected; "
            "choose a wider spacing or a smaller size"
        )
    return size.astype(np.int64)


def _floats(values: NDArray[Any]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _triple(value: float | Sequence[float] | None) -> NDArray[Any]:
    array = np.atleast_1d(np.asarray(value))
    if array.shape not in ((1,), (3,)) or array.dtype.kind not in "iuf":
        raise UnsupportedError(
            f"{shown(value)} is given, one number or three (x, y, z) are expected"
        )
    return array


def _execute(grid: Any, volume: Volume, is_exact: bool) -> NDArray[Any]:
    """Interpolate in floating point, then round: SimpleITK truncates integers."""
    dtype = volume.array.dtype.newbyteorder("=")
    if not is_exact and dtype.kind in "iu":
        wide = np.float32 if dtype.itemsize <= 2 else np.float64
        volume = replace(volume, array=volume.array.astype(wide))
    try:
        result = _sitk().GetArrayFromImage(grid.Execute(to_sitk(volume)))
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UnsupportedError(f"SimpleITK cannot resample this volume: {lines[-1]}") from error
    if dtype.kind in "iu" and result.dtype != dtype:
        limits = np.iinfo(dtype)
        result = np.clip(np.rint(result), limits.min, limits.max)
    array: NDArray[Any] = result.astype(dtype, copy=False)
    return array
