# SPDX-License-Identifier: MIT
# cython: language_level=3
"""What _mic.pyx uses of the C core; Cython reads this file by its name."""

from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "mic.h" nogil:
    ctypedef int mic_status
    ctypedef int mic_remedy
    ctypedef struct mic_error:
        mic_status status
        mic_remedy remedy
        const char *stage
        int64_t frame
        int64_t strip
        int64_t offset
        char message[320]

    ctypedef int mic_predictor
    size_t mic_delta_bound(size_t)
    mic_status mic_delta_encode(mic_predictor, const uint16_t *, size_t, size_t, unsigned, uint16_t *, size_t *, mic_error *)
    mic_status mic_delta_decode(mic_predictor, const uint16_t *, size_t, size_t, size_t, uint16_t *, mic_error *)
    size_t mic_rle_bound(size_t)
    mic_status mic_rle_encode(const uint16_t *, size_t, unsigned, int, uint16_t *, size_t *, mic_error *)
    mic_status mic_rle_count(const uint16_t *, size_t, int, size_t *, mic_error *)
    mic_status mic_rle_decode(const uint16_t *, size_t, int, uint16_t *, size_t, size_t *, mic_error *)
    size_t mic_fse_bound(size_t)
    mic_status mic_fse_encode(const uint16_t *, size_t, int, uint8_t *, size_t, size_t *, mic_error *)
    mic_status mic_fse_count(const uint8_t *, size_t, size_t, size_t *, mic_error *)
    mic_status mic_fse_decode(const uint8_t *, size_t, uint16_t *, size_t, size_t *, mic_error *)
    mic_status mic_rans_encode(const uint16_t *, size_t, uint8_t *, size_t, size_t *, mic_error *)
    mic_status mic_rans_count(const uint8_t *, size_t, size_t, size_t *, mic_error *)
    mic_status mic_rans_decode(const uint8_t *, size_t, uint16_t *, size_t, size_t *, mic_error *)
    size_t mic_huffman_bound(size_t)
    mic_status mic_huffman_encode(const uint16_t *, size_t, uint8_t *, size_t, size_t *, mic_error *)
    mic_status mic_huffman_count(const uint8_t *, size_t, size_t, size_t *, mic_error *)
    mic_status mic_huffman_decode(const uint8_t *, size_t, uint16_t *, size_t, size_t *, mic_error *)

    ctypedef int mic_stream_kind
    size_t mic_stream_bound(size_t)
    mic_status mic_stream_encode(mic_stream_kind, const uint16_t *, size_t, size_t, unsigned, int, uint8_t *, size_t, size_t *, mic_error *)
    mic_status mic_stream_decode(mic_stream_kind, const uint8_t *, size_t, size_t, size_t, uint16_t *, mic_error *)

    ctypedef int mic_wavelet
    size_t mic_wavelet_bound(size_t)
    mic_status mic_wavelet_encode(mic_wavelet, const uint16_t *, size_t, size_t, unsigned, unsigned, uint8_t *, size_t, size_t *, mic_error *)
    mic_status mic_wavelet_read_header(mic_wavelet, const uint8_t *, size_t, size_t *, size_t *, mic_error *)
    mic_status mic_wavelet_decode(mic_wavelet, const uint8_t *, size_t, uint16_t *, size_t, mic_error *)

    enum: MIC_MAX_AXES
    enum: MIC_HEADER_BOUND
    enum: MIC_MAX_LEVELS
    enum: MIC_CPU_MODEL_SIZE
    ctypedef int mic_container
    ctypedef int mic_sample_type
    ctypedef int mic_codec
    ctypedef struct mic_level:
        uint32_t rows
        uint32_t columns
    ctypedef struct mic_layout:
        mic_container container
        mic_sample_type sample_type
        mic_codec codec
        unsigned channels
        unsigned bits_used
        unsigned n_axes
        uint32_t axes[29]
        uint64_t n_frames
        uint32_t rows
        uint32_t columns
        uint32_t strip_rows
        uint32_t n_parts
        int temporal
        uint32_t shared_bytes
        uint64_t header_bytes
        uint64_t index_offset
        uint64_t stream_bytes
        unsigned n_levels
        mic_level levels[32]
    ctypedef struct mic_shared_models:
        pass
    ctypedef struct mic_encode_options:
        mic_codec codec
        int n_states
        int effort
        int n_threads
        unsigned max_value
        uint32_t n_strips
        int temporal
        const mic_shared_models *shared
    ctypedef struct mic_encoded:
        pass
    size_t mic_sample_bytes(mic_sample_type)
    uint64_t mic_encoded_size(const mic_encoded *)
    void mic_encoded_write(const mic_encoded *, uint8_t *)
    void mic_encoded_free(mic_encoded *)
    mic_status mic_encode(const mic_layout *, const void *, const mic_encode_options *, mic_encoded **, mic_error *)
    void mic_plan_strips(mic_layout *)
    mic_status mic_write_header(const mic_layout *, uint8_t *, size_t *, mic_error *)
    mic_status mic_encode_frame(const mic_layout *, const void *, const mic_encode_options *, mic_encoded **, unsigned *, mic_error *)
    mic_status mic_encode_frames(const mic_layout *, const void *, size_t, const mic_encode_options *, mic_encoded **, unsigned *, mic_error *)
    enum: MIC_LEARN_FRAMES
    int mic_may_share_models(const mic_layout *)
    mic_status mic_encode_first_frames(
        mic_layout *, const void *, size_t, const mic_encode_options *, mic_encoded **, unsigned *,
        mic_shared_models **, mic_error *)
    mic_status mic_shared_models_open(const mic_layout *, const uint8_t *, size_t, mic_shared_models **, mic_error *)
    const uint8_t *mic_shared_models_bytes(const mic_shared_models *, size_t *)
    void mic_shared_models_free(mic_shared_models *)
    uint64_t mic_index_bytes(const mic_layout *)
    void mic_write_index(const uint64_t *, uint64_t, uint8_t *)
    mic_status mic_read_header(const uint8_t *, size_t, mic_layout *, mic_error *)
    mic_status mic_check_index(const mic_layout *, uint64_t, mic_error *)
    mic_status mic_read_index(const mic_layout *, const uint8_t *, size_t, uint64_t *, mic_error *)
    void mic_write_tile_table(const uint64_t *, uint64_t, uint8_t *)
    void mic_halve(mic_sample_type, unsigned, const void *, size_t, size_t, void *)
    mic_status mic_frame_size(const mic_layout *, const uint8_t *, size_t, uint64_t *, mic_error *)
    ctypedef int mic_part_kind
    ctypedef struct mic_part:
        mic_part_kind kind
        uint32_t first_row
        uint32_t n_rows
        uint64_t offset
        uint64_t n_bytes
    mic_status mic_read_parts(const mic_layout *, const uint8_t *, size_t, mic_part *, mic_error *)
    ctypedef struct mic_decode_job:
        const mic_layout *layout
        const mic_shared_models *shared
        const uint8_t *in_ "in"
        size_t n_bytes
        int64_t frame
        uint64_t base_offset
        uint32_t first_row
        uint32_t n_rows
        uint32_t first_column
        uint32_t n_columns
        uint8_t *out
        ptrdiff_t row_stride
        uint8_t *intact
        int padded
    mic_status mic_decode(const mic_decode_job *, size_t, int, mic_error *)

    enum: MIC_DICOM_N_NUMBERS
    ctypedef int mic_dicom_encoding
    ctypedef struct mic_dicom_element:
        uint32_t tag
        char vr[2]
        uint8_t head_bytes
        uint8_t flags
        uint64_t offset
        uint64_t n_bytes
        uint64_t declared
    ctypedef struct mic_dicom_file:
        mic_dicom_encoding encoding
        int has_prefix
        char syntax[65]
        uint64_t data_set
        uint64_t end
        size_t n_meta
        size_t n_elements
    ctypedef struct mic_dicom_pixels:
        int64_t numbers[9]
        char photometric[17]
        int64_t pixel_data
        int64_t offsets
        int64_t lengths
    ctypedef struct mic_dicom_frame:
        uint64_t begin
        uint64_t end
        uint64_t n_fragments
    mic_status mic_dicom_walk(const uint8_t *, size_t, int, mic_dicom_element *, size_t, mic_dicom_file *, mic_error *)
    void mic_dicom_read_pixels(const uint8_t *, const mic_dicom_file *, const mic_dicom_element *, size_t, mic_dicom_pixels *)
    mic_status mic_dicom_find_frames(const uint8_t *, uint64_t, const uint8_t *, uint64_t, uint64_t, mic_dicom_frame *, mic_error *)

    ctypedef int mic_isa
    mic_isa mic_best_isa()
    mic_isa mic_active_isa()
    const char *mic_scalar_reason()
    int mic_isa_is_compiled(mic_isa)
    mic_status mic_use_isa(mic_isa, mic_error *)
    const char *mic_isa_name(mic_isa)
    void mic_cpu_model(char *)
    const char *mic_compiler()

cdef extern from "container/rgb_planes.h" nogil:
    void mic_rgb_to_planes(const uint8_t *, size_t, uint16_t *)
    mic_status mic_rgb_from_planes(uint16_t *, size_t, uint8_t *, mic_error *)
