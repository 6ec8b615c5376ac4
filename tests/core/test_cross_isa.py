# SPDX-License-Identifier: MIT
"""Every instruction set produces the same bytes and reads those of all others."""

from collections.abc import Callable

import numpy as np
import pytest
import zoo

import mic
from mic import _mic, stages

ISAS = zoo.available_isas()
pytestmark = pytest.mark.usefixtures("restore_isa")


def on_each_isa(call: Callable[[], object]) -> list[object]:
    results = []
    for isa in ISAS:
        _mic.use_isa(isa)
        assert _mic.active_isa() == isa == mic.cpu_info()["active"]
        results.append(call())
    return results


def test_what_is_compiled() -> None:
    assert set(ISAS) <= set(_mic.compiled_isas())
    assert (_mic.scalar_reason() == "") == (_mic.best_isa() != "scalar")


@pytest.mark.parametrize("codec", zoo.CODECS)
@pytest.mark.parametrize("dtype", zoo.DTYPES)
def test_images(dtype: str, codec: str) -> None:
    shapes = ((1, 1), (3, 17), (33, 65), (7, 130), (130, 7))
    for name, image in zoo.images(dtype, shapes).items():
        streams = on_each_isa(lambda image=image: mic.encode(image, codec))
        assert len(set(streams)) == 1, name
        decoded = on_each_isa(lambda stream=streams[0]: mic.decode(stream))
        assert all(np.array_equal(other, image) for other in decoded), name


@pytest.mark.parametrize("states", zoo.STATES)
def test_states(states: int) -> None:
    for dtype in zoo.DTYPES:
        image = zoo.smooth((120, 131), dtype) // 2
        streams = on_each_isa(lambda image=image: mic.encode(image, "fse", states=states))
        assert len(set(streams)) == 1
        for decoded in on_each_isa(lambda stream=streams[0]: mic.decode(stream)):
            assert np.array_equal(decoded, image)


def test_colour_and_frames() -> None:
    for array in (zoo.escapes((3, 40, 37, 3), "uint8"), zoo.smooth((50, 49, 3), "int16")):
        streams = on_each_isa(lambda array=array: mic.encode(array))
        assert len(set(streams)) == 1
        for decoded in on_each_isa(lambda stream=streams[0]: mic.decode(stream)):
            assert np.array_equal(decoded, array)


@pytest.mark.parametrize("predictor", stages.PREDICTORS)
def test_prediction(predictor: str) -> None:
    """Odd widths, one row, one column, all pixels escaped or none."""
    for height, width in ((1, 1), (1, 70), (70, 1), (9, 33), (31, 64), (5, 257)):
        for content in (zoo.smooth, zoo.escapes, zoo.ramp):
            pixels = content((height, width), "uint16", 2).reshape(-1)
            try:
                words = on_each_isa(
                    lambda p=pixels, w=width, h=height: stages.delta_encode(
                        p, w, h, 4095, predictor
                    ).tobytes()
                )
            except mic.UnsupportedError:
                assert predictor == "zigzag"
                continue
            assert len(set(words)) == 1
            residuals = np.frombuffer(words[0], "uint16")
            for decoded in on_each_isa(
                lambda r=residuals, w=width, h=height: stages.delta_decode(r, w, h, predictor)
            ):
                assert np.array_equal(decoded, pixels)


@pytest.mark.parametrize("lengths", [(1, 1), (1, 3), (1, 40), (30, 200), (2**15 - 3, 2**15 + 3)])
def test_runs(lengths: tuple[int, int]) -> None:
    generator = np.random.default_rng(4)
    n = 60 if lengths[1] > 1000 else 400
    words = np.repeat(generator.integers(0, 300, n), generator.integers(*lengths, n, endpoint=True))
    words = words.astype("uint16")
    for initial in (8, 511, 65535):
        runs = on_each_isa(lambda i=initial: stages.rle_encode(words, i).tobytes())
        assert len(set(runs)) == 1
        for out in on_each_isa(lambda r=runs[0]: stages.rle_decode(np.frombuffer(r, "uint16"))):
            assert np.array_equal(out, words)


def test_damage_is_found_the_same() -> None:
    """The error is the same, word for word, on each."""

    def messages() -> list[str]:
        found = []
        for stream, _ in zoo.small_streams().values():
            for bit in range(0, 8 * len(stream), 31):
                with pytest.raises(mic.CorruptDataError) as caught:
                    mic.decode(zoo.flip(stream, bit))
                found.append(f"{caught.value.stage}: {caught.value}")
        return found

    assert len({tuple(found) for found in on_each_isa(messages)}) == 1


def test_unknown_isa() -> None:
    for name in set(_mic.ISA_NAMES) - set(ISAS):
        with pytest.raises(mic.MicError, match=name):
            _mic.use_isa(name)


@pytest.mark.parametrize("isa", ISAS)
def test_environment(isa: str, run_python: Callable[[str], str]) -> None:
    """MIC_CPU takes effect before anything is imported."""
    code = (
        f"import os; os.environ['MIC_CPU'] = '{isa}'; import mic; print(mic.cpu_info()['active'])"
    )
    assert run_python(code) == isa
