# SPDX-License-Identifier: MIT
# The description of a stream's array, and the places of its frames; part of _mic.pyx.

cdef class Layout:
    """The description of a stream's array; wraps a mic_layout."""

    cdef mic_layout c
    cdef mic_shared_models *shared  # the stream's models, once learnt or opened

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
        """Set what is known only after the last frame; the number of `axes` must not change."""
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
        """Read the shared models of a stream; damage is reported by the frames that use them."""
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
    """Return the index of a MIC3 file, from the offset of each tile and the end of the last."""
    cdef uint64_t n = offsets.shape[0] - 1
    cdef bytes out = PyBytes_FromStringAndSize(NULL, 16 * n)
    mic_write_tile_table(&offsets[0], n, <uint8_t *>PyBytes_AS_STRING(out))
    return out
