# SPDX-License-Identifier: MIT
# The stages of mic.stages; part of _mic.pyx.

def delta_encode(int predictor, const uint16_t[::1] pixels, size_t width, size_t height, unsigned max_value):
    cdef uint16_t[::1] words = np.empty(mic_delta_bound(width * height), np.uint16)
    cdef size_t n
    cdef mic_error error
    cdef mic_status status
    with nogil:
        status = mic_delta_encode(predictor, &pixels[0], width, height, max_value, &words[0], &n, &error)
    check(status, &error)
    return np.asarray(words)[:n].copy()


def delta_decode(int predictor, const uint16_t[::1] words, size_t width, size_t height):
    cdef uint16_t[::1] pixels = np.empty(width * height, np.uint16)
    cdef mic_error error
    cdef mic_status status
    cdef const uint16_t *first = &words[0] if words.shape[0] else NULL
    with nogil:
        status = mic_delta_decode(predictor, first, words.shape[0], width, height, &pixels[0], &error)
    check(status, &error)
    return np.asarray(pixels)


def rle_encode(const uint16_t[::1] words, unsigned initial, bint with_length):
    cdef uint16_t[::1] out = np.empty(mic_rle_bound(words.shape[0]), np.uint16)
    cdef const uint16_t *first = &words[0] if words.shape[0] else NULL
    cdef size_t n
    cdef mic_error error
    cdef mic_status status
    with nogil:
        status = mic_rle_encode(first, words.shape[0], initial, with_length, &out[0], &n, &error)
    check(status, &error)
    return np.asarray(out)[:n].copy()


def rle_count(const uint16_t[::1] words, bint with_length):
    cdef const uint16_t *first = &words[0] if words.shape[0] else NULL
    cdef size_t n
    cdef mic_error error
    check(mic_rle_count(first, words.shape[0], with_length, &n, &error), &error)
    return n


def rle_decode(const uint16_t[::1] words, bint with_length, size_t capacity):
    cdef uint16_t[::1] out = np.empty(capacity + 1, np.uint16)
    cdef const uint16_t *first = &words[0] if words.shape[0] else NULL
    cdef size_t n
    cdef mic_error error
    cdef mic_status status
    with nogil:
        status = mic_rle_decode(first, words.shape[0], with_length, &out[0], capacity, &n, &error)
    check(status, &error)
    return np.asarray(out)[:n].copy()


def entropy_encode(str coder, const uint16_t[::1] words, int n_states):
    """FSE (`n_states` 1, 2, 4, 8), rANS or Huffman over words."""
    cdef bint huffman = coder == "huffman"
    cdef bint rans = coder == "rans"
    cdef size_t capacity = mic_huffman_bound(words.shape[0]) if huffman else mic_fse_bound(words.shape[0])
    cdef uint8_t[::1] out = np.empty(capacity + 1, np.uint8)
    cdef const uint16_t *first = &words[0] if words.shape[0] else NULL
    cdef size_t n
    cdef mic_error error
    cdef mic_status status
    with nogil:
        if huffman:
            status = mic_huffman_encode(first, words.shape[0], &out[0], capacity, &n, &error)
        elif rans:
            status = mic_rans_encode(first, words.shape[0], &out[0], capacity, &n, &error)
        else:
            status = mic_fse_encode(first, words.shape[0], n_states, &out[0], capacity, &n, &error)
    check(status, &error)
    return np.asarray(out)[:n].tobytes()


def entropy_decode(str coder, const uint8_t[::1] data, size_t max_words):
    cdef bint huffman = coder == "huffman"
    cdef bint rans = coder == "rans"
    cdef const uint8_t *first = &data[0] if data.shape[0] else NULL
    cdef size_t n
    cdef mic_error error
    cdef mic_status status
    with nogil:
        if huffman:
            status = mic_huffman_count(first, data.shape[0], max_words, &n, &error)
        elif rans:
            status = mic_rans_count(first, data.shape[0], max_words, &n, &error)
        else:
            status = mic_fse_count(first, data.shape[0], max_words, &n, &error)
    check(status, &error)
    cdef uint16_t[::1] words = np.empty(n + 1, np.uint16)
    cdef size_t capacity = n
    with nogil:
        if huffman:
            status = mic_huffman_decode(first, data.shape[0], &words[0], capacity, &n, &error)
        elif rans:
            status = mic_rans_decode(first, data.shape[0], &words[0], capacity, &n, &error)
        else:
            status = mic_fse_decode(first, data.shape[0], &words[0], capacity, &n, &error)
    check(status, &error)
    return np.asarray(words)[:n]


def stream_encode(int kind, const uint16_t[::1] pixels, size_t width, size_t height, unsigned max_value, int n_states):
    cdef size_t capacity = mic_stream_bound(width * height)
    cdef uint8_t[::1] out = np.empty(capacity, np.uint8)
    cdef size_t n
    cdef mic_error error
    cdef mic_status status
    with nogil:
        status = mic_stream_encode(kind, &pixels[0], width, height, max_value, n_states, &out[0], capacity, &n, &error)
    check(status, &error)
    return np.asarray(out)[:n].tobytes()


def stream_decode(int kind, const uint8_t[::1] data, size_t width, size_t height):
    cdef uint16_t[::1] pixels = np.empty(width * height, np.uint16)
    cdef const uint8_t *first = &data[0] if data.shape[0] else NULL
    cdef mic_error error
    cdef mic_status status
    with nogil:
        status = mic_stream_decode(kind, first, data.shape[0], width, height, &pixels[0], &error)
    check(status, &error)
    return np.asarray(pixels)


def wavelet_encode(int variant, const uint16_t[::1] pixels, size_t width, size_t height, unsigned max_value, unsigned levels):
    cdef size_t capacity = mic_wavelet_bound(width * height)
    cdef uint8_t[::1] out = np.empty(capacity, np.uint8)
    cdef size_t n
    cdef mic_error error
    cdef mic_status status
    with nogil:
        status = mic_wavelet_encode(variant, &pixels[0], width, height, max_value, levels, &out[0], capacity, &n, &error)
    check(status, &error)
    return np.asarray(out)[:n].tobytes()


def wavelet_shape(int variant, const uint8_t[::1] data):
    """(rows, columns) of a wavelet stream."""
    cdef const uint8_t *first = &data[0] if data.shape[0] else NULL
    cdef size_t width, height
    cdef mic_error error
    check(mic_wavelet_read_header(variant, first, data.shape[0], &width, &height, &error), &error)
    return height, width


def wavelet_decode(int variant, const uint8_t[::1] data, size_t n_pixels):
    cdef uint16_t[::1] pixels = np.empty(n_pixels, np.uint16)
    cdef mic_error error
    cdef mic_status status
    with nogil:
        status = mic_wavelet_decode(variant, &data[0], data.shape[0], &pixels[0], n_pixels, &error)
    check(status, &error)
    return np.asarray(pixels)


def ycocg_planes(const uint8_t[::1] rgb):
    """Convert interleaved RGB samples to Y, Co, Cg (folded), as 3 x pixels words."""
    cdef size_t n = rgb.shape[0] // 3
    cdef uint16_t[::1] planes = np.empty(3 * n, np.uint16)
    with nogil:
        mic_rgb_to_planes(&rgb[0], n, &planes[0])
    return np.asarray(planes).reshape(3, n)


def ycocg_pixels(planes):
    """Return interleaved RGB samples from 3 x pixels words."""
    cdef uint16_t[:, ::1] words = planes.copy()  # overwritten by the transform
    cdef size_t n = words.shape[1]
    cdef uint8_t[::1] rgb = np.empty(3 * n, np.uint8)
    cdef mic_error error
    cdef mic_status status
    with nogil:
        status = mic_rgb_from_planes(&words[0, 0], n, &rgb[0], &error)
    check(status, &error)
    return np.asarray(rgb)
