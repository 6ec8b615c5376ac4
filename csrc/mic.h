/* SPDX-License-Identifier: MIT
 *
 * mic: lossless coding of 8- to 16-bit medical images.  The one public header.
 *
 * Every function that can fail returns a mic_status; sizes come back through
 * pointers.  `error` may be NULL; if given, it is filled on failure.  Nothing
 * here prints or aborts.  What is kept from call to call is which kernels are in
 * use and some memory: any number of threads may call any function at once on
 * their own buffers.
 *
 * On failure the content of output buffers is undefined.
 */
#ifndef MIC_H
#define MIC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status ------------------------------------------------------------ */

/* 0 success; 1-99 the data is at fault; 100-199 the caller; 200- the machine.
 * Numbers are never reused. */
typedef enum mic_status {
    MIC_OK = 0,
    MIC_ERROR_TRUNCATED = 1,     /* the data ends too early */
    MIC_ERROR_CORRUPT = 2,       /* the data contradicts itself */
    MIC_ERROR_CHECKSUM = 3,      /* a checksum does not match */
    MIC_ERROR_FORMAT = 4,        /* not a format this library knows */
    MIC_ERROR_ARGUMENT = 100,    /* an argument is out of its range */
    MIC_ERROR_UNSUPPORTED = 101, /* the format cannot hold this input */
    MIC_ERROR_LIMIT = 102,       /* over the caller's limit */
    MIC_ERROR_CAPACITY = 103,    /* the output buffer is too small */
    MIC_ERROR_VERIFY = 104,      /* decoded data differ from the original */
    MIC_ERROR_MEMORY = 200,      /* out of memory */
} mic_status;

/* One sentence: what was found, what was expected, what to do about it. */
typedef struct mic_error {
    mic_status status;
    const char *stage; /* static string: "container", "fse", "rle", ... */
    int64_t frame;     /* index of the frame, -1 where it has no meaning */
    int64_t strip;     /* index of the strip within the frame, or -1 */
    int64_t offset;    /* byte offset within the input of that stage, or -1 */
    char message[320];
} mic_error;

/* ---- limits ------------------------------------------------------------ */

#define MIC_MAX_PIXELS ((uint64_t)1 << 30) /* default limit on decoded samples */
#define MIC_MAX_AXES 29                    /* leading axes of an array: 32 with colour */
#define MIC_MAX_LEVELS 32                  /* of a slide: halving 2^32 - 1 leaves 1 */

/* ---- classic stages: words in, words or bytes out ---------------------- */

/* Prediction.  `words` must hold mic_delta_bound() words; the first word of
 * the output is max_value.  Decoders need the exact number of words. */
typedef enum mic_predictor {
    MIC_PREDICT_AVERAGE,  /* (left + above) >> 1 */
    MIC_PREDICT_ZIGZAG,   /* left, residual folded to unsigned */
    MIC_PREDICT_GRADIENT, /* average corrected by the upper gradient */
    MIC_PREDICT_MEDIAN,   /* median edge detector; stage only, in no pipeline */
} mic_predictor;

size_t mic_delta_bound(size_t n_pixels);
mic_status mic_delta_encode(mic_predictor predictor, const uint16_t *pixels, size_t width, size_t height,
                            unsigned max_value, uint16_t *words, size_t *n_words, mic_error *error);
mic_status mic_delta_decode(mic_predictor predictor, const uint16_t *words, size_t n_words, size_t width,
                            size_t height, uint16_t *pixels, mic_error *error);

/* Run lengths with a MidCount split.  `initial` is the first word of the
 * output and sets the run limit.  `with_length` writes the number of words
 * behind it (the stand-alone form); without, the decoder expands every block. */
size_t mic_rle_bound(size_t n_words);
mic_status mic_rle_encode(const uint16_t *words, size_t n_words, unsigned initial, int with_length,
                          uint16_t *out, size_t *n_out, mic_error *error);
/* Number of words that decoding yields. */
mic_status mic_rle_count(const uint16_t *in, size_t n_in, int with_length, size_t *n_words, mic_error *error);
mic_status mic_rle_decode(const uint16_t *in, size_t n_in, int with_length, uint16_t *words, size_t capacity,
                          size_t *n_words, mic_error *error);

/* Finite state entropy coding over 16-bit words, 1, 2, 4 or 8 states.
 * Refuses (MIC_ERROR_UNSUPPORTED) what the published coder refuses. */
size_t mic_fse_bound(size_t n_words);
mic_status mic_fse_encode(const uint16_t *words, size_t n_words, int n_states, uint8_t *out, size_t capacity,
                          size_t *n_bytes, mic_error *error);
/* Number of words in the stream; decodes a 1-state stream to count, and
 * answers MIC_ERROR_LIMIT above max_words. */
mic_status mic_fse_count(const uint8_t *in, size_t n_bytes, size_t max_words, size_t *n_words,
                         mic_error *error);
mic_status mic_fse_decode(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                          size_t *n_words, mic_error *error);

/* The published rANS, 8 states; bound, refusals and errors are those of FSE. */
mic_status mic_rans_encode(const uint16_t *words, size_t n_words, uint8_t *out, size_t capacity,
                           size_t *n_bytes, mic_error *error);
mic_status mic_rans_count(const uint8_t *in, size_t n_bytes, size_t max_words, size_t *n_words,
                          mic_error *error);
mic_status mic_rans_decode(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                           size_t *n_words, mic_error *error);

/* Canonical Huffman over 16-bit words, tree cut at depth 14. */
size_t mic_huffman_bound(size_t n_words);
mic_status mic_huffman_encode(const uint16_t *words, size_t n_words, uint8_t *out, size_t capacity,
                              size_t *n_bytes, mic_error *error);
mic_status mic_huffman_count(const uint8_t *in, size_t n_bytes, size_t max_words, size_t *n_words,
                             mic_error *error);
mic_status mic_huffman_decode(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                              size_t *n_words, mic_error *error);

/* Gap removal: the used values of the words are renumbered, then coded by FSE. */
size_t mic_gap_bound(size_t n_words);
mic_status mic_gap_encode(const uint16_t *words, size_t n_words, uint8_t *out, size_t capacity,
                          size_t *n_bytes, mic_error *error);
mic_status mic_gap_decode(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                          size_t *n_words, mic_error *error);

/* ---- published single-frame streams: pixels in, bytes out --------------- */

/* What a bare stream is made of.  None of them stores its kind, its width or
 * its height: who reads one has to know. */
typedef enum mic_stream_kind {
    MIC_STREAM_FSE,      /* average predictor, run lengths, FSE; its decoder takes rANS too */
    MIC_STREAM_HUFFMAN,  /* average predictor, run lengths, Huffman */
    MIC_STREAM_GRADIENT, /* gradient predictor, run lengths, FSE */
    MIC_STREAM_GAP,      /* average predictor, run lengths, gap removal, FSE */
    MIC_STREAM_RANS,     /* average predictor, run lengths, rANS */
} mic_stream_kind;

size_t mic_stream_bound(size_t n_pixels);
/* n_states (1, 2, 4, 8) is for MIC_STREAM_FSE; the others fix it.  Falls back
 * to fewer states as the published encoder does. */
mic_status mic_stream_encode(mic_stream_kind kind, const uint16_t *pixels, size_t width, size_t height,
                             unsigned max_value, int n_states, uint8_t *out, size_t capacity, size_t *n_bytes,
                             mic_error *error);
mic_status mic_stream_decode(mic_stream_kind kind, const uint8_t *in, size_t n_bytes, size_t width,
                             size_t height, uint16_t *pixels, mic_error *error);

/* The published wavelet streams, which hold width and height but not their
 * variant.  V2 takes 1 to 8 levels, V1 1 to 4. */
typedef enum mic_wavelet {
    MIC_WAVELET_V2,
    MIC_WAVELET_V1, /* without run lengths */
    MIC_WAVELET_V1_RUNS,
} mic_wavelet;

size_t mic_wavelet_bound(size_t n_pixels);
mic_status mic_wavelet_encode(mic_wavelet variant, const uint16_t *pixels, size_t width, size_t height,
                              unsigned max_value, unsigned levels, uint8_t *out, size_t capacity,
                              size_t *n_bytes, mic_error *error);
mic_status mic_wavelet_read_header(mic_wavelet variant, const uint8_t *in, size_t n_bytes, size_t *width,
                                   size_t *height, mic_error *error);
mic_status mic_wavelet_decode(mic_wavelet variant, const uint8_t *in, size_t n_bytes, uint16_t *pixels,
                              size_t capacity, mic_error *error);

/* ---- images ------------------------------------------------------------ */

typedef enum mic_sample_type { MIC_UINT8, MIC_INT8, MIC_UINT16, MIC_INT16 } mic_sample_type;
typedef enum mic_codec { MIC_CODEC_FSE = 1, MIC_CODEC_HUFFMAN = 2, MIC_CODEC_WAVEFRONT = 3 } mic_codec;
typedef enum mic_container {
    MIC_CONTAINER_NATIVE,
    MIC_CONTAINER_MIC1, /* published: one image */
    MIC_CONTAINER_MIC2, /* published: frames */
    MIC_CONTAINER_PICS, /* published: one image in strips */
    MIC_CONTAINER_PICA, /* published: strips, each with the better of two predictors */
    MIC_CONTAINER_MICR, /* published: one 8-bit RGB image */
    MIC_CONTAINER_MIC3, /* published: a slide */
} mic_container;

/* One level of a slide: an image that is cut into tiles. */
typedef struct mic_level {
    uint32_t rows, columns;
} mic_level;

/* What a stream says about the array inside, apart from its samples. */
typedef struct mic_layout {
    mic_container container;
    mic_sample_type sample_type;
    mic_codec codec;    /* what the encoder was asked for */
    unsigned channels;  /* 1, or 3 interleaved */
    unsigned bits_used; /* smallest width that holds every sample */
    unsigned n_axes;    /* leading axes; frames are their product */
    uint32_t axes[MIC_MAX_AXES];
    uint64_t n_frames;
    uint32_t rows, columns;
    uint32_t strip_rows;              /* rows per strip, 1..rows; PICA: of no strip more */
    uint32_t n_parts;                 /* strips or planes that PICS, PICA, MICR list; else 0 */
    int temporal;                     /* MIC2: frames are coded as differences */
    uint32_t shared_bytes;            /* of the models that frames share, which lie before the first one */
    uint64_t header_bytes;            /* where the first frame begins */
    uint64_t index_offset;            /* where the frame index begins, 0 for none */
    uint64_t stream_bytes;            /* size of the stream; 0: the frame's head tells */
    unsigned n_levels;                /* of a slide, whose frames are its tiles; otherwise 0 */
    mic_level levels[MIC_MAX_LEVELS]; /* the largest first */
} mic_layout;

size_t mic_sample_bytes(mic_sample_type type);
/* Bytes of one decoded frame. */
uint64_t mic_frame_bytes(const mic_layout *layout);
uint64_t mic_strips_per_frame(const mic_layout *layout);

/* Models that the frames of a stream may borrow instead of having their own. */
typedef struct mic_shared_models mic_shared_models;

typedef struct mic_encode_options {
    mic_codec codec;
    int n_states; /* FSE states: 1, 2, 4 or 8 */
    int effort;   /* 1..9 */
    int n_threads;
    unsigned max_value;              /* of MIC1, MIC2, PICS and PICA; 0: the largest sample */
    uint32_t n_strips;               /* of PICS and PICA; at most one a row */
    int temporal;                    /* MIC2: code each frame as its difference from the one before */
    const mic_shared_models *shared; /* of mic_encode_frame; NULL for none */
} mic_encode_options;

/* Encoded pieces that wait to be written in one go. */
typedef struct mic_encoded mic_encoded;
uint64_t mic_encoded_size(const mic_encoded *encoded);
/* `out` must hold mic_encoded_size() bytes. */
void mic_encoded_write(const mic_encoded *encoded, uint8_t *out);
void mic_encoded_free(mic_encoded *encoded);

/* A whole array.  `samples` are contiguous, in the byte order of this machine:
 * frames x rows x columns x channels.  Of `layout` the caller fills container,
 * sample_type, channels, n_axes, axes, rows and columns. */
mic_status mic_encode(const mic_layout *layout, const void *samples, const mic_encode_options *options,
                      mic_encoded **encoded, mic_error *error);

/* For streams written frame by frame: the header (again when all frames are
 * known: it keeps its size), the shared models if there are any, each frame, the index. */
void mic_plan_strips(mic_layout *layout);
#define MIC_HEADER_BOUND 1024 /* bytes of a header */
mic_status mic_write_header(const mic_layout *layout, uint8_t out[MIC_HEADER_BOUND], size_t *n_bytes,
                            mic_error *error);
mic_status mic_encode_frame(const mic_layout *layout, const void *samples, const mic_encode_options *options,
                            mic_encoded **encoded, unsigned *bits_used, mic_error *error);
/* n_frames frames that lie one behind the other, on threads: encoded[i], which the
 * caller frees, and the bits in use of all. */
mic_status mic_encode_frames(const mic_layout *layout, const void *samples, size_t n_frames,
                             const mic_encode_options *options, mic_encoded **encoded, unsigned *bits_used,
                             mic_error *error);
/* Small frames may share models.  Where that is so, they are learnt from the first
 * MIC_LEARN_FRAMES, or from all if there are fewer: encode those at once, before the
 * header is written, and the others by mic_encode_frame with options->shared.
 * *shared is NULL where sharing does not pay; layout->shared_bytes is set. */
enum { MIC_LEARN_FRAMES = 16 };
int mic_may_share_models(const mic_layout *layout);
mic_status mic_encode_first_frames(mic_layout *layout, const void *samples, size_t n_frames,
                                   const mic_encode_options *options, mic_encoded **frames,
                                   unsigned *bits_used, mic_shared_models **shared, mic_error *error);
/* Those of a stream, from layout->shared_bytes bytes before its first frame.
 * Damage, or that some are missing, is reported by the frames that borrow them. */
mic_status mic_shared_models_open(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                                  mic_shared_models **shared, mic_error *error);
const uint8_t *mic_shared_models_bytes(const mic_shared_models *shared, size_t *n_bytes);
void mic_shared_models_free(mic_shared_models *shared);
/* Bytes of the index of a stream, 0 for a single frame without one. */
uint64_t mic_index_bytes(const mic_layout *layout);
void mic_write_index(const uint64_t *frame_offsets, uint64_t n_frames, uint8_t *out);

/* Read the header of any container from the first n_bytes of a stream. */
mic_status mic_read_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error);
/* Does the index lie within a stream of that size?  Ask before sizing memory by
 * layout->n_frames. */
mic_status mic_check_index(const mic_layout *layout, uint64_t stream_bytes, mic_error *error);
/* Check the index (`in` points at it) and give the offset of every frame; one
 * more entry, n_frames + 1 in all, says where the last frame ends. */
mic_status mic_read_index(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                          uint64_t *frame_offsets, mic_error *error);
/* The tile table of a MIC3 slide, which is its index.  n_tiles + 1 offsets. */
void mic_write_tile_table(const uint64_t *tile_offsets, uint64_t n_tiles, uint8_t *out);
/* Size of the frame that starts at `in`, from its head alone. */
mic_status mic_frame_size(const mic_layout *layout, const uint8_t *in, size_t n_bytes, uint64_t *frame_size,
                          mic_error *error);

/* A strip of a PICS or PICA frame, or a plane of a MICR frame. */
typedef enum mic_part_kind {
    MIC_PART_AVERAGE,
    MIC_PART_GRADIENT,
    MIC_PART_Y,
    MIC_PART_CO,
    MIC_PART_CG
} mic_part_kind;
typedef struct mic_part {
    mic_part_kind kind;
    uint32_t first_row, n_rows;
    uint64_t offset, n_bytes; /* within the frame */
} mic_part;
/* The layout->n_parts parts of the frame at `in`, of which the first n_bytes
 * are there, enough for its table. */
mic_status mic_read_parts(const mic_layout *layout, const uint8_t *in, size_t n_bytes, mic_part *parts,
                          mic_error *error);

/* One frame to decode, or some of its rows.  All frames of a temporal MIC2 file
 * but the first give their difference from the frame before, mod 2^16; the
 * caller adds. */
typedef struct mic_decode_job {
    const mic_layout *layout;
    const mic_shared_models *shared; /* of the stream; NULL for none */
    const uint8_t *in;               /* the frame */
    size_t n_bytes;
    int64_t frame;        /* its number, for messages */
    uint64_t base_offset; /* of the frame in its file; header_bytes is the first's */
    uint32_t first_row, n_rows;
    uint32_t first_column, n_columns; /* 0 columns: all of them */
    uint8_t *out;                     /* n_rows rows of n_columns x channels samples */
    ptrdiff_t row_stride;             /* bytes from one row of `out` to the next */
    uint8_t *intact;                  /* n_rows flags, or NULL: fail on any damage */
    int padded;                       /* zero bytes may follow the frame (native container) */
} mic_decode_job;

/* All jobs, on threads.  With `intact`, damaged rows are zero and flagged 0. */
mic_status mic_decode(const mic_decode_job *jobs, size_t n_jobs, int n_threads, mic_error *error);

/* ---- pyramids ----------------------------------------------------------- */

/* Half the size (rows / 2 x columns / 2, rounded down): each sample is the mean
 * of a 2 x 2 box, (a + b + c + d + 2) >> 2 rounding down, per channel; an odd last
 * row or column is dropped.  `in` and `out` are contiguous. */
void mic_halve(mic_sample_type type, unsigned channels, const void *in, size_t rows, size_t columns,
               void *out);

/* ---- the processor ----------------------------------------------------- */

typedef enum mic_isa { MIC_ISA_SCALAR, MIC_ISA_AVX2, MIC_ISA_AVX512, MIC_ISA_NEON } mic_isa;

/* Best instruction set that this CPU and this operating system support. */
mic_isa mic_best_isa(void);
/* The one in use: the best, or what MIC_CPU in the environment asks for. */
mic_isa mic_active_isa(void);
/* Choose the kernels for the whole process; for tests and measurements. */
mic_status mic_use_isa(mic_isa isa, mic_error *error);
const char *mic_isa_name(mic_isa isa);
/* Brand string of the processor, empty where unknown. */
#define MIC_CPU_MODEL_SIZE 49
void mic_cpu_model(char model[MIC_CPU_MODEL_SIZE]);
/* Name and version of the compiler that built the library. */
const char *mic_compiler(void);

#ifdef __cplusplus
}
#endif
#endif
