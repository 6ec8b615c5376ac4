# SPDX-License-Identifier: MIT
# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Thin binding of the C core: takes and returns buffers, and releases the GIL.

It makes no decisions: api.py, files.py and stages.py handle dtypes, defaults and
messages about arguments.
"""

from cpython.buffer cimport (
    PyBUF_FORMAT,
    PyBUF_ND,
    PyBUF_SIMPLE,
    PyBUF_WRITABLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

import numpy as np

from .errors import error_from_core


cdef failure(mic_status status, mic_error *error):
    """Return the exception for an error of the core."""
    return error_from_core(
        status,
        error.stage.decode(),
        error.frame,
        error.strip,
        error.offset,
        error.message.decode(),
        error.remedy,
    )


cdef int check(mic_status status, mic_error *error) except -1:
    if status == 0:
        return 0
    raise failure(status, error)


include "_stages.pxi"
include "_layout.pxi"
include "_dicom.pxi"


cdef bytes take_encoded(mic_encoded *encoded):
    """Return the bytes of `encoded`, and free it."""
    cdef bytes out
    cdef uint8_t *first
    try:
        out = PyBytes_FromStringAndSize(NULL, mic_encoded_size(encoded))
        first = <uint8_t *>PyBytes_AS_STRING(out)
        with nogil:
            mic_encoded_write(encoded, first)
    finally:
        mic_encoded_free(encoded)
    return out


def encode(
    Layout layout, samples, *, int codec, int n_states, int effort, int n_threads,
    unsigned max_value, uint32_t n_strips, bint temporal
):
    """Encode a whole array (contiguous, native byte order) as one stream."""
    cdef mic_encode_options options = mic_encode_options(
        codec, n_states, effort, n_threads, max_value, n_strips, temporal, NULL
    )
    cdef mic_encoded *encoded
    cdef mic_error error
    cdef mic_status status
    cdef Py_buffer view
    PyObject_GetBuffer(samples, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            status = mic_encode(&layout.c, view.buf, &options, &encoded, &error)
    finally:
        PyBuffer_Release(&view)
    check(status, &error)
    return take_encoded(encoded)


cdef mic_encode_options frame_options(Layout layout, int n_states, int effort, int n_threads):
    """Return the options for frames of a stream that is written frame by frame."""
    return mic_encode_options(layout.c.codec, n_states, effort, n_threads, 0, 0, 0, layout.shared)


def encode_first_frames(Layout layout, const uint8_t[:, ::1] samples, int n_states, int effort, int n_threads):
    """Encode the first frames (frames x bytes) of a stream.

    `layout` keeps the models that they share with later frames.  Returns a list of what
    `encode_frame` returns.
    """
    cdef mic_encode_options options
    cdef size_t n = samples.shape[0]
    cdef mic_encoded **frames = <mic_encoded **>calloc(n, sizeof(mic_encoded *))
    cdef unsigned[::1] bits_used = np.zeros(n, np.uintc)
    cdef mic_error error
    cdef mic_status status
    if frames == NULL:
        raise MemoryError
    mic_shared_models_free(layout.shared)
    layout.shared = NULL
    options = frame_options(layout, n_states, effort, n_threads)
    try:
        with nogil:
            status = mic_encode_first_frames(
                &layout.c, &samples[0, 0], n, &options, frames, &bits_used[0], &layout.shared, &error)
        check(status, &error)
        coded = []
        for i in range(n):
            encoded, frames[i] = frames[i], NULL
            coded.append((take_encoded(encoded), bits_used[i]))
        return coded
    finally:
        for i in range(n):
            mic_encoded_free(frames[i])
        free(frames)


def encode_frame(Layout layout, const uint8_t[::1] samples, int n_states, int effort, int n_threads):
    """Encode one frame of a stream that is written frame by frame; also return its bits in use."""
    cdef mic_encode_options options = frame_options(layout, n_states, effort, n_threads)
    cdef mic_encoded *encoded
    cdef unsigned bits_used
    cdef mic_error error
    cdef mic_status status
    with nogil:
        status = mic_encode_frame(&layout.c, &samples[0], &options, &encoded, &bits_used, &error)
    check(status, &error)
    return take_encoded(encoded), bits_used


def encode_frames(Layout layout, const uint8_t[::1] samples, size_t n, int n_states, int effort, int n_threads):
    """Encode n consecutive frames as a list of bytes; also return the bits in use of all."""
    cdef mic_encode_options options = frame_options(layout, n_states, effort, n_threads)
    cdef mic_encoded **encoded = <mic_encoded **>calloc(n + 1, sizeof(mic_encoded *))
    cdef unsigned bits_used
    cdef mic_error error
    cdef mic_status status
    cdef size_t i
    cdef mic_encoded *taken
    if encoded == NULL:
        raise MemoryError
    try:
        with nogil:
            status = mic_encode_frames(&layout.c, &samples[0], n, &options, encoded, &bits_used, &error)
        check(status, &error)
        coded = []
        for i in range(n):
            taken = encoded[i]
            encoded[i] = NULL
            coded.append(take_encoded(taken))
        return coded, bits_used
    finally:
        for i in range(n):
            mic_encoded_free(encoded[i])
        free(encoded)


def halve(int sample_type, unsigned channels, const uint8_t[::1] samples, size_t rows, size_t columns):
    """Return the bytes of the image at half the size; each sample is the mean of four."""
    cdef size_t n = (rows // 2) * (columns // 2) * channels * mic_sample_bytes(sample_type)
    cdef uint8_t[::1] out = np.empty(n, np.uint8)
    if n:
        with nogil:
            mic_halve(sample_type, channels, &samples[0], rows, columns, &out[0])
    return np.asarray(out)


cdef class DecodeJobs:
    """A job for each of many frames; holds the buffers that they read."""

    cdef Py_ssize_t n
    cdef mic_decode_job *jobs
    cdef Py_buffer *views
    cdef Py_ssize_t n_held

    def __cinit__(self, layouts, buffers, numbers, offsets, uint8_t[:, ::1] intact):
        cdef mic_decode_job *job
        cdef Py_ssize_t i
        self.n = len(buffers)
        self.jobs = <mic_decode_job *>calloc(self.n + 1, sizeof(mic_decode_job))
        self.views = <Py_buffer *>calloc(self.n + 1, sizeof(Py_buffer))
        if self.jobs == NULL or self.views == NULL:
            raise MemoryError
        for i in range(self.n):
            PyObject_GetBuffer(buffers[i], &self.views[i], PyBUF_SIMPLE)
            self.n_held += 1
            job = &self.jobs[i]
            job.layout = &(<Layout?>layouts[i]).c
            job.shared = (<Layout>layouts[i]).shared
            job.in_ = <const uint8_t *>self.views[i].buf
            job.n_bytes = self.views[i].len
            job.frame = numbers[i]
            job.base_offset = offsets[i]
            job.intact = NULL if intact is None else &intact[i, 0]

    def __dealloc__(self):
        while self.n_held > 0:
            self.n_held -= 1
            PyBuffer_Release(&self.views[self.n_held])
        free(self.views)
        free(self.jobs)

    cdef int run(self, int n_threads) except -1:
        cdef mic_error error
        cdef mic_status status
        with nogil:
            status = mic_decode(self.jobs, self.n, n_threads, &error)
        return check(status, &error)


def decode_frames(
    layouts, buffers, numbers, offsets, uint32_t first_row, uint8_t[:, :, :] out, uint8_t[:, ::1] intact, int n_threads
):
    """Decode frame i of `buffers`, from row first_row on, into out[i] (rows x bytes).

    Frames are decoded on threads; `intact` (frames x rows) or None asks for
    rescue instead of failure.
    """
    cdef DecodeJobs frames = DecodeJobs(layouts, buffers, numbers, offsets, intact)
    cdef mic_decode_job *job
    cdef Py_ssize_t i
    for i in range(frames.n):
        job = &frames.jobs[i]
        job.first_row = first_row
        job.n_rows = out.shape[1]
        job.out = &out[i, 0, 0]
        job.row_stride = out.strides[1]
    frames.run(n_threads)


cdef bint is_plain_image(const mic_layout *layout, uint64_t max_samples):
    """Is this one image of the native container, small enough to decode without more checks?"""
    return (
        layout.container == 0
        and layout.n_axes == 0
        and layout.index_offset == 0
        and layout.shared_bytes == 0
        and <uint64_t>layout.rows * layout.columns * layout.channels <= max_samples
    )


cdef bint fits_layout(const Py_buffer *view, const mic_layout *layout):
    """Can a contiguous buffer hold the array of a single image?"""
    return (
        view.ndim == (3 if layout.channels == 3 else 2)
        and view.shape[0] == layout.rows
        and view.shape[1] == layout.columns
        and (view.ndim == 2 or view.shape[2] == 3)
        and view.format[0] == FORMATS[layout.sample_type]
        and view.format[1] == 0
    )


cdef const char *FORMATS = "BbHh"  # codes of the buffer protocol, by mic_sample_type
cdef tuple DTYPES = (np.dtype("u1"), np.dtype("i1"), np.dtype("u2"), np.dtype("i2"))
cdef object NDARRAY = np.ndarray
cdef object EMPTY = np.empty
# A header alone is not trusted to allocate larger arrays.
cdef uint64_t MAX_PLAIN_SAMPLES = 1 << 22


cdef object decode_plain_buffer(const Py_buffer *data, out, uint64_t max_samples, int n_threads):
    cdef mic_layout layout
    cdef mic_decode_job job
    cdef mic_error error
    cdef mic_status status
    cdef Py_buffer view
    cdef tuple shape
    if mic_read_header(<const uint8_t *>data.buf, data.len, &layout, &error) != 0:
        return None
    if not is_plain_image(&layout, max_samples if out is not None else min(max_samples, MAX_PLAIN_SAMPLES)):
        return None
    if out is None:
        shape = (layout.rows, layout.columns)
        out = EMPTY(shape if layout.channels == 1 else (*shape, 3), DTYPES[layout.sample_type])
    elif type(out) is not NDARRAY:
        return None
    PyObject_GetBuffer(out, &view, PyBUF_WRITABLE | PyBUF_FORMAT | PyBUF_ND)
    try:
        if not fits_layout(&view, &layout):
            return None
        memset(&job, 0, sizeof(job))
        job.layout = &layout
        job.in_ = <const uint8_t *>data.buf + layout.header_bytes
        job.n_bytes = data.len - layout.header_bytes
        job.base_offset = layout.header_bytes
        job.n_rows = layout.rows
        job.out = <uint8_t *>view.buf
        job.row_stride = view.len // layout.rows
        job.padded = 1
        with nogil:
            status = mic_decode(&job, 1, n_threads, &error)
    finally:
        PyBuffer_Release(&view)
    return out if status == 0 else None


def decode_plain(data, out, uint64_t max_samples, int n_threads):
    """Decode a stream of one image into a new array or `out`; the fast path for the usual case.

    Returns None for everything else, including damage.  The general path through
    `Stream` then decodes the stream, or produces the error message.
    """
    cdef Py_buffer view
    try:
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    except (BufferError, TypeError, ValueError):
        return None
    try:
        return decode_plain_buffer(&view, out, max_samples, n_threads)
    except (BufferError, ValueError):
        return None
    finally:
        PyBuffer_Release(&view)


def decode_tiles(
    Layout layout, buffers, numbers, offsets, const int64_t[:, ::1] boxes, uint8_t[:, :] out, uint8_t[:, ::1] intact, int n_threads
):
    """Decode a part of each tile into a part of `out` (rows x bytes), on threads.

    `boxes` holds for each tile: first row, rows, first column, columns, and row and
    byte of `out` where they go.  `intact` (tiles x rows of a tile) or None asks for
    rescue instead of failure.
    """
    cdef DecodeJobs tiles = DecodeJobs([layout] * len(buffers), buffers, numbers, offsets, intact)
    cdef mic_decode_job *job
    cdef Py_ssize_t i
    for i in range(tiles.n):
        job = &tiles.jobs[i]
        job.first_row = <uint32_t>boxes[i, 0]
        job.n_rows = <uint32_t>boxes[i, 1]
        job.first_column = <uint32_t>boxes[i, 2]
        job.n_columns = <uint32_t>boxes[i, 3]
        job.out = &out[boxes[i, 4], boxes[i, 5]]
        job.row_stride = out.strides[0]
    tiles.run(n_threads)


# ---- the processor ---------------------------------------------------------

ISA_NAMES = tuple(mic_isa_name(isa).decode() for isa in range(4))


def best_isa():
    return ISA_NAMES[mic_best_isa()]


def active_isa():
    return ISA_NAMES[mic_active_isa()]


def scalar_reason():
    """Return why the scalar kernels are the best here; empty if others can run."""
    return mic_scalar_reason().decode()


def compiled_isas():
    """Return the names of the instruction sets that this build has kernels for."""
    return tuple(name for isa, name in enumerate(ISA_NAMES) if mic_isa_is_compiled(isa))


def use_isa(str name):
    """Choose the kernels of the whole process; for tests and measurements."""
    cdef mic_error error
    check(mic_use_isa(ISA_NAMES.index(name), &error), &error)


def compiler():
    return mic_compiler().decode()


def cpu_model():
    cdef char model[MIC_CPU_MODEL_SIZE]
    mic_cpu_model(model)
    return model.decode("ascii", "replace").strip()
