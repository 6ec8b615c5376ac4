# SPDX-License-Identifier: MIT
# The elements of DICOM files; part of _mic.pyx.

cdef enum: USUAL_ELEMENTS = 192  # files with more are walked twice


cdef class DicomWalk:
    """The top-level elements of a DICOM file in memory, as far as it is undamaged.

    The memory stays in use until `close`.
    """

    cdef const uint8_t[::1] data
    cdef mic_dicom_file file
    cdef mic_dicom_pixels described
    cdef mic_dicom_element *elements
    cdef readonly object problem  # the MicError that ended the walk, or None

    def __cinit__(self, const uint8_t[::1] data, bint until_pixels=False):
        cdef mic_error error
        cdef mic_status status
        cdef size_t capacity = USUAL_ELEMENTS
        cdef const uint8_t *first = &data[0] if data.shape[0] else NULL
        self.data = data
        while True:
            self.elements = <mic_dicom_element *>calloc(capacity, sizeof(mic_dicom_element))
            if self.elements == NULL:
                raise MemoryError
            with nogil:
                status = mic_dicom_walk(
                    first, data.shape[0], until_pixels, self.elements, capacity, &self.file, &error)
            if self.file.n_elements <= capacity:
                break
            capacity = self.file.n_elements
            free(self.elements)
        mic_dicom_read_pixels(first, &self.file, self.elements, self.file.n_elements, &self.described)
        self.problem = None if status == 0 else failure(status, &error)

    def __dealloc__(self):
        free(self.elements)

    def close(self):
        """Let go of the memory."""
        self.data = None

    encoding = property(lambda self: (<DicomWalk>self).file.encoding)
    has_prefix = property(lambda self: bool((<DicomWalk>self).file.has_prefix))
    syntax = property(lambda self: (<DicomWalk>self).file.syntax.decode("ascii", "backslashreplace"))
    data_set = property(lambda self: (<DicomWalk>self).file.data_set)
    end = property(lambda self: (<DicomWalk>self).file.end)
    n_meta = property(lambda self: (<DicomWalk>self).file.n_meta)
    photometric = property(
        lambda self: (<DicomWalk>self).described.photometric.decode("ascii", "backslashreplace"))
    pixel_data = property(lambda self: none_if_absent((<DicomWalk>self).described.pixel_data))
    offsets = property(lambda self: none_if_absent((<DicomWalk>self).described.offsets))
    lengths = property(lambda self: none_if_absent((<DicomWalk>self).described.lengths))

    @property
    def numbers(self):
        """Values of mic_dicom_attribute, in its order."""
        return tuple(self.described.numbers[i] for i in range(MIC_DICOM_N_NUMBERS))

    def __len__(self):
        return self.file.n_elements

    def __getitem__(self, size_t index):
        """Return (tag, VR, flags, offset, head_bytes, n_bytes, declared) of an element."""
        if index >= self.file.n_elements:
            raise IndexError(index)
        cdef mic_dicom_element *e = &self.elements[index]
        vr = e.vr[:2].decode("ascii") if e.vr[0] else ""
        return e.tag, vr, e.flags, e.offset, e.head_bytes, e.n_bytes, e.declared

    def find(self, uint32_t tag):
        """Return the index of the last element with a tag, or None."""
        cdef size_t i = self.file.n_elements
        while i > 0:
            i -= 1
            if self.elements[i].tag == tag:
                return i
        return None


cdef none_if_absent(int64_t index):
    return None if index < 0 else index


def dicom_frames(const uint8_t[::1] value, const uint8_t[::1] offsets, uint64_t n_frames):
    """Return where the fragments of each frame begin and end in encapsulated pixel data.

    Returns
    -------
    ndarray of uint64, (n_frames, 3)
        The third column holds the number of fragments.
    """
    cdef uint64_t[:, ::1] frames
    cdef mic_error error
    cdef mic_status status
    cdef size_t n = value.shape[0], n_offsets = offsets.shape[0]
    cdef const uint8_t *first = &value[0] if n else NULL
    cdef const uint8_t *table = &offsets[0] if n_offsets else NULL
    # Each frame takes the head of an item at least, so a wrong number costs no memory.
    frames = np.zeros((min(n_frames, n // 8) + 1, 3), np.uint64)
    with nogil:
        status = mic_dicom_find_frames(
            first, n, table, n_offsets, n_frames, <mic_dicom_frame *>&frames[0, 0], &error)
    check(status, &error)
    return np.asarray(frames)[:n_frames]
