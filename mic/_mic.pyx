# SPDX-License-Identifier: MIT
# cython: language_level=3, boundscheck=False, wraparound=False
# cython: freethreading_compatible=True
"""Thin binding of the C core: buffers in, buffers out, the GIL released.

No policy lives here: dtypes, defaults and messages about arguments are the
business of api.py, files.py and stages.py.
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
from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

import numpy as np

from .errors import error_from_core


cdef int check(mic_status status, mic_error *error) except -1:
    if status == 0:
        return 0
    raise error_from_core(
        status, error.stage.decode(), error.frame, error.strip, error.offset, error.message.decode()
    )


include "_stages.pxi"


# ---- images ----------------------------------------------------------------


cdef class Layout:
    """What a stream says about its array; a plain mic_layout."""

    cdef mic_layout c
    cdef mic_shared_models *shared  # of the stream, once learnt or opened

    def __dealloc__(self):
        mic_shared_models_free(self.shared)

    @staticmethod
    def make(int container, int sample_type, unsigned channels, axes, uint32_t rows, uint32_t columns):
        """Layout of an array to encode."""
        cdef Layout layout = Layout()
        memset(&layout.c, 0, sizeof(layout.c))
        layout.c.container = container
        layout.c.sample_type = sample_type
        layout.c.channels = channels
        layout.c.rows = rows
        layout.c.columns = columns
        layout.c.n_axes = len(axes)
        layout.c.n_frames = 1
        for i, axis in enumerate(axes):
            layout.c.axes[i] = axis
            layout.c.n_frames *= layout.c.axes[i]
        return layout

    @staticmethod
    def read(const uint8_t[::1] data):
        """Layout from the first bytes of a stream of any container."""
        cdef Layout layout = Layout()
        cdef mic_error error
        cdef const uint8_t *first = &data[0] if data.shape[0] else NULL
        check(mic_read_header(first, data.shape[0], &layout.c, &error), &error)
        return layout

    container = property(lambda self: (<Layout>self).c.container)
    sample_type = property(lambda self: (<Layout>self).c.sample_type)
    codec = property(lambda self: (<Layout>self).c.codec)
    channels = property(lambda self: (<Layout>self).c.channels)
    bits_used = property(lambda self: (<Layout>self).c.bits_used)
    n_frames = property(lambda self: (<Layout>self).c.n_frames)
    rows = property(lambda self: (<Layout>self).c.rows)
    columns = property(lambda self: (<Layout>self).c.columns)
    strip_rows = property(lambda self: (<Layout>self).c.strip_rows)
    n_parts = property(lambda self: (<Layout>self).c.n_parts)
    temporal = property(lambda self: bool((<Layout>self).c.temporal))
    shared_bytes = property(lambda self: (<Layout>self).c.shared_bytes)
    header_bytes = property(lambda self: (<Layout>self).c.header_bytes)
    index_offset = property(lambda self: (<Layout>self).c.index_offset)
    stream_bytes = property(lambda self: (<Layout>self).c.stream_bytes)

    @property
    def axes(self):
        return tuple(self.c.axes[i] for i in range(self.c.n_axes))

    @property
    def levels(self):
        """(rows, columns) of each level of a slide, empty for other streams."""
        return tuple((self.c.levels[i].rows, self.c.levels[i].columns) for i in range(self.c.n_levels))

    def set_levels(self, levels):
        """Make it the layout of a slide; its frames are tiles."""
        self.c.n_levels = len(levels)
        for i, (rows, columns) in enumerate(levels):
            if i < MIC_MAX_LEVELS:
                self.c.levels[i] = mic_level(rows, columns)

    @property
    def index_bytes(self):
        return mic_index_bytes(&self.c)

    def plan(self, int codec):
        """Set codec and strips, before the first frame of a stream."""
        self.c.codec = codec
        mic_plan_strips(&self.c)

    def finish(self, axes, unsigned bits_used, uint64_t index_offset):
        """Set what is known only when the last frame is written; `axes` keep their number."""
        self.c.n_frames = 1
        for i, axis in enumerate(axes):
            self.c.axes[i] = axis
            self.c.n_frames *= self.c.axes[i]
        self.c.bits_used = bits_used
        self.c.index_offset = index_offset

    @property
    def learn_frames(self):
        """How many frames to encode at once, by `encode_first_frames`."""
        return MIC_LEARN_FRAMES if mic_may_share_models(&self.c) else 1

    def shared_models(self):
        """Bytes that go between the header and the first frame."""
        cdef size_t n
        if self.shared == NULL:
            return b""
        cdef const uint8_t *first = mic_shared_models_bytes(self.shared, &n)
        return first[:n]

    def open_shared_models(self, const uint8_t[::1] data):
        """Take them from a stream; damage is reported by the frames that borrow from them."""
        cdef const uint8_t *first = &data[0] if data.shape[0] else NULL
        cdef mic_error error
        mic_shared_models_free(self.shared)
        self.shared = NULL
        check(mic_shared_models_open(&self.c, first, data.shape[0], &self.shared, &error), &error)

    def header(self):
        """The header's bytes."""
        cdef uint8_t buffer[MIC_HEADER_BOUND]
        cdef size_t n
        cdef mic_error error
        check(mic_write_header(&self.c, buffer, &n, &error), &error)
        return buffer[:n]

    def index(self, const uint8_t[::1] data):
        """Offsets of all frames and the end of the last, from the index's bytes."""
        cdef uint64_t[::1] offsets = np.empty(self.c.n_frames + 1, np.uint64)
        cdef const uint8_t *first = &data[0] if data.shape[0] else NULL
        cdef mic_error error
        check(mic_read_index(&self.c, first, data.shape[0], &offsets[0], &error), &error)
        return np.asarray(offsets)

    def check_index(self, uint64_t stream_bytes):
        """Raise unless the index lies within a stream of that size."""
        cdef mic_error error
        check(mic_check_index(&self.c, stream_bytes, &error), &error)

    def parts(self, const uint8_t[::1] data):
        """(kind, first row, rows, offset, bytes) of each part of the frame that `data` starts."""
        cdef const uint8_t *first = &data[0] if data.shape[0] else NULL
        cdef mic_part *parts = <mic_part *>calloc(self.c.n_parts + 1, sizeof(mic_part))
        cdef mic_error error
        if parts == NULL:
            raise MemoryError
        try:
            check(mic_read_parts(&self.c, first, data.shape[0], parts, &error), &error)
            return [
                (parts[i].kind, parts[i].first_row, parts[i].n_rows, parts[i].offset, parts[i].n_bytes)
                for i in range(self.c.n_parts)
            ]
        finally:
            free(parts)

    def frame_size(self, const uint8_t[::1] data, int64_t frame):
        """Bytes of the frame with that number, which starts with `data`, from its head."""
        cdef uint64_t size
        cdef const uint8_t *first = &data[0] if data.shape[0] else NULL
        cdef mic_error error
        cdef mic_status status = mic_frame_size(&self.c, first, data.shape[0], &size, &error)
        error.frame = frame
        check(status, &error)
        return size


def write_index(const uint64_t[::1] offsets):
    cdef bytes out = PyBytes_FromStringAndSize(NULL, 8 * offsets.shape[0] + 4)
    mic_write_index(&offsets[0], offsets.shape[0], <uint8_t *>PyBytes_AS_STRING(out))
    return out


def write_tile_table(const uint64_t[::1] offsets):
    """The index of a MIC3 file, from where each tile begins and the last one ends."""
    cdef uint64_t n = offsets.shape[0] - 1
    cdef bytes out = PyBytes_FromStringAndSize(NULL, 16 * n)
    mic_write_tile_table(&offsets[0], n, <uint8_t *>PyBytes_AS_STRING(out))
    return out


cdef bytes take_encoded(mic_encoded *encoded):
    """The bytes of `encoded`, which is freed."""
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
    Layout layout, samples, int codec, int n_states, int effort, int n_threads,
    unsigned max_value, uint32_t n_strips, bint temporal
):
    """A whole array (contiguous, native byte order) as one stream."""
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
    """For frames of a stream that is written frame by frame."""
    return mic_encode_options(layout.c.codec, n_states, effort, n_threads, 0, 0, 0, layout.shared)


def encode_first_frames(Layout layout, const uint8_t[:, ::1] samples, int n_states, int effort, int n_threads):
    """The first frames (frames x bytes) of a stream; `layout` keeps the models that they share
    with those to come.  A list of what `encode_frame` returns."""
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
    """One frame of a stream that is written frame by frame, and its bits in use."""
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
    """n frames that lie one behind the other, as a list of bytes, and the bits in use of all."""
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
    """Bytes of the image of half the size, each sample the mean of four."""
    cdef size_t n = (rows // 2) * (columns // 2) * channels * mic_sample_bytes(sample_type)
    cdef uint8_t[::1] out = np.empty(n, np.uint8)
    if n:
        with nogil:
            mic_halve(sample_type, channels, &samples[0], rows, columns, &out[0])
    return np.asarray(out)


cdef class BufferList:
    """Views of many buffers, held while C code reads them."""

    cdef Py_buffer *views
    cdef Py_ssize_t n_held

    def __cinit__(self, buffers):
        self.views = <Py_buffer *>calloc(len(buffers) + 1, sizeof(Py_buffer))
        if self.views == NULL:
            raise MemoryError
        for buffer in buffers:
            PyObject_GetBuffer(buffer, &self.views[self.n_held], PyBUF_SIMPLE)
            self.n_held += 1

    def __dealloc__(self):
        while self.n_held > 0:
            self.n_held -= 1
            PyBuffer_Release(&self.views[self.n_held])
        free(self.views)


def decode_frames(
    layouts, buffers, numbers, offsets, uint32_t first_row, uint8_t[:, :, :] out, uint8_t[:, ::1] intact, int n_threads
):
    """Frame i of `buffers`, rows first_row onwards, into out[i] (rows x bytes).

    Frames are decoded on threads; `intact` (frames x rows) or None asks for
    rescue instead of failure.
    """
    cdef Py_ssize_t n = len(buffers)
    cdef BufferList held = BufferList(buffers)
    cdef mic_decode_job *jobs = <mic_decode_job *>calloc(n + 1, sizeof(mic_decode_job))
    cdef mic_error error
    cdef mic_status status
    cdef Py_ssize_t i
    if jobs == NULL:
        raise MemoryError
    try:
        for i in range(n):
            jobs[i].layout = &(<Layout?>layouts[i]).c
            jobs[i].shared = (<Layout>layouts[i]).shared
            jobs[i].in_ = <const uint8_t *>held.views[i].buf
            jobs[i].n_bytes = held.views[i].len
            jobs[i].frame = numbers[i]
            jobs[i].base_offset = offsets[i]
            jobs[i].first_row = first_row
            jobs[i].n_rows = out.shape[1]
            jobs[i].out = &out[i, 0, 0]
            jobs[i].row_stride = out.strides[1]
            jobs[i].intact = NULL if intact is None else &intact[i, 0]
        with nogil:
            status = mic_decode(jobs, n, n_threads, &error)
        check(status, &error)
    finally:
        free(jobs)


cdef bint is_plain_image(const mic_layout *layout, uint64_t max_samples):
    """One image of the native container, of a size to be decoded without further questions?"""
    return (
        layout.container == 0
        and layout.n_axes == 0
        and layout.index_offset == 0
        and layout.shared_bytes == 0
        and <uint64_t>layout.rows * layout.columns * layout.channels <= max_samples
    )


cdef bint fits_layout(const Py_buffer *view, const mic_layout *layout):
    """Is a contiguous buffer the array of a single image?"""
    return (
        view.ndim == (3 if layout.channels == 3 else 2)
        and view.shape[0] == layout.rows
        and view.shape[1] == layout.columns
        and (view.ndim == 2 or view.shape[2] == 3)
        and view.format[0] == FORMATS[layout.sample_type]
        and view.format[1] == 0
    )


cdef const char *FORMATS = "BbHh"  # of the buffer protocol, by mic_sample_type
cdef tuple DTYPES = (np.dtype("u1"), np.dtype("i1"), np.dtype("u2"), np.dtype("i2"))
cdef object NDARRAY = np.ndarray
cdef object EMPTY = np.empty
# Larger arrays are not made on the word of a header alone.
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
    """The image of a stream of one, as a new array or in `out`; the short way for the usual case.

    None for everything else, damage included: the way by `Stream` takes it and
    has the words for what is wrong.
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
    """A part of each tile into a part of `out` (rows x bytes), on threads.

    `boxes` holds for each tile: first row, rows, first column, columns, and row and
    byte of `out` where they go.  `intact` (tiles x rows of a tile) or None asks for
    rescue instead of failure.
    """
    cdef Py_ssize_t n = len(buffers)
    cdef BufferList held = BufferList(buffers)
    cdef mic_decode_job *jobs = <mic_decode_job *>calloc(n + 1, sizeof(mic_decode_job))
    cdef mic_error error
    cdef mic_status status
    cdef Py_ssize_t i
    if jobs == NULL:
        raise MemoryError
    try:
        for i in range(n):
            jobs[i].layout = &layout.c
            jobs[i].shared = layout.shared
            jobs[i].in_ = <const uint8_t *>held.views[i].buf
            jobs[i].n_bytes = held.views[i].len
            jobs[i].frame = numbers[i]
            jobs[i].base_offset = offsets[i]
            jobs[i].first_row = <uint32_t>boxes[i, 0]
            jobs[i].n_rows = <uint32_t>boxes[i, 1]
            jobs[i].first_column = <uint32_t>boxes[i, 2]
            jobs[i].n_columns = <uint32_t>boxes[i, 3]
            jobs[i].out = &out[boxes[i, 4], boxes[i, 5]]
            jobs[i].row_stride = out.strides[0]
            jobs[i].intact = NULL if intact is None else &intact[i, 0]
        with nogil:
            status = mic_decode(jobs, n, n_threads, &error)
        check(status, &error)
    finally:
        free(jobs)


# ---- the processor ---------------------------------------------------------

ISA_NAMES = tuple(mic_isa_name(isa).decode() for isa in range(4))


def best_isa():
    return ISA_NAMES[mic_best_isa()]


def active_isa():
    return ISA_NAMES[mic_active_isa()]


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
