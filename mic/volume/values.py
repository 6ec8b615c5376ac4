# SPDX-License-Identifier: MIT
"""Prepare the values of a volume for learning: normalise them, convert them to torch tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import shown
from ..errors import UnsupportedError
from ..extras import require

if TYPE_CHECKING:
    import torch

METHODS = ("minmax", "zscore")
# torch can store these types but supports few operations on them.
_WIDER: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype("u2"): np.dtype("i4"),
    np.dtype("u4"): np.dtype("i8"),
}


def normalized(
    array: NDArray[Any], method: str | None, window: tuple[float, float] | None
) -> NDArray[np.float32]:
    """See `Volume.normalize`."""
    is_method = isinstance(method, str) and method in METHODS
    if (method is None) == (window is None) or (method is not None and not is_method):
        raise UnsupportedError(
            f'method is {shown(method)} and window is {shown(window)}; "minmax", "zscore" or '
            "window=(centre, width) is expected"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UnsupportedError(
            f"{np.count_nonzero(~np.isfinite(array))} samples are not finite; replace them first, "
            "such as by numpy.nan_to_num"
        )
    if window is not None:
        try:
            centre, width = map(float, window)
        except (TypeError, ValueError):
            raise UnsupportedError(
                f"window is {shown(window)}, (centre, width) is expected"
            ) from None
        if not (np.isfinite(centre) and 0 < width < np.inf):
            raise UnsupportedError(
                f"the window has centre {centre} and width {width}, a width above 0 is expected"
            )
        return np.clip(_scaled(array, centre - width / 2, width), 0, 1)
    if method == "minmax":
        low, high = float(array.min()), float(array.max())
        return _scaled(array, low, high - low)
    mean = float(array.mean(dtype=np.float64))
    return _scaled(array, mean, float(array.std(dtype=np.float64)))


def _scaled(array: NDArray[Any], zero: float, unit: float) -> NDArray[np.float32]:
    """Return (array - zero) / unit, or 0 everywhere if `unit` is 0 (a constant array)."""
    if unit == 0:
        return np.zeros(array.shape, np.float32)
    scaled = np.empty(array.shape, np.float32)
    for index in range(array.shape[0]):  # so that only one slice or time is held as float64
        scaled[index] = (array[index].astype(np.float64) - zero) / unit
    return scaled


def to_tensor(array: NDArray[Any], dtype: torch.dtype | str | None) -> torch.Tensor:
    """See `Volume.to_tensor`."""
    torch: Any = require("torch", "torch")
    named = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if dtype is not None and not isinstance(named, torch.dtype):
        raise UnsupportedError(
            f'dtype is {shown(dtype)}, a torch type such as "float32" is expected'
        )
    native: NDArray[Any] = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    wanted_as_is = named is not None and str(named) == f"torch.{native.dtype.name}"
    if native.dtype in _WIDER and not wanted_as_is:
        native = native.astype(_WIDER[native.dtype])
    if not native.flags.writeable:  # torch would warn, and writing would be undefined behaviour
        native = native.copy()
    tensor: Any = torch.from_numpy(native)
    return tensor if named is None else tensor.to(named)
