/* SPDX-License-Identifier: MIT
 *
 * mic: lossless coding of 8- to 16-bit medical images.  The one public header.
 *
 * Every function that can fail returns a mic_status; sizes are returned through pointers.
 * `error` may be NULL; if given, it is filled on failure.  Nothing here prints or aborts.
 * Between calls the library keeps only the choice of kernels and some memory.  Any number
 * of threads may call any function at once on their own buffers.
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

/* 0: success; 1-99: the data is at fault; 100-199: the caller; from 200: the machine.
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

/* What the caller can do about an error.  The message says what was found and what was expected,
 * and leaves the rest to this code, because each language has its own words for it.  Numbers are
 * never reused. */
typedef enum mic_remedy {
    MIC_REMEDY_NONE = 0,
    MIC_REMEDY_RESCUE = 1,         /* decode with `intact`, which returns what is undamaged */
    MIC_REMEDY_RESCUE_FRAMES = 2,  /* likewise: the frames can be found without the index */
    MIC_REMEDY_RESCUE_STRIPS = 3,  /* likewise: the other strips are undamaged */
    MIC_REMEDY_RESCUE_MODELS = 4,  /* likewise: some frames do not use the shared models */
    MIC_REMEDY_BARE_STREAM = 5,    /* call mic_stream_decode if this is a bare stream */
    MIC_REMEDY_ANY_MAXIMUM = 6,    /* pass a max_value of 255, or use the native container */
    MIC_REMEDY_LARGER_MAXIMUM = 7, /* pass a max_value of 8 or more, or use the native container */
} mic_remedy;

/* One sentence, which says what was found and what was expected, and the code of a remedy. */
typedef struct mic_error {
    mic_status status;
    mic_remedy remedy;
    const char *stage; /* static string: "container", "fse", "rle", ... */
    int64_t frame;     /* index of the frame, -1 if not applicable */
    int64_t strip;     /* index of the strip within the frame, or -1 */
    int64_t offset;    /* byte offset within the input of that stage, or -1 */
    char message[320];
} mic_error;

/* ---- limits ------------------------------------------------------------ */

#define MIC_MAX_PIXELS ((uint64_t)1 << 30) /* default limit on decoded samples */
#define MIC_MAX_AXES 29                    /* leading axes of an array: 32 with colour */
#define MIC_MAX_LEVELS 32                  /* levels of a slide; the last one halves 2^32 - 1 down to 1 */

/* ---- classic stages: words in, words or bytes out ---------------------- */

/* Prediction.  `words` must hold mic_delta_bound() words; the first word of the output is
 * max_value.  Decoders need the exact number of words. */
typedef enum mic_predictor {
    MIC_PREDICT_AVERAGE,  /* (left + above) >> 1 */
    MIC_PREDICT_ZIGZAG,   /* left; the residual is folded to unsigned */
    MIC_PREDICT_GRADIENT, /* average corrected by the upper gradient */
    MIC_PREDICT_MEDIAN,   /* median edge detector; stage only, in no pipeline */
} mic_predictor;

size_t mic_delta_bound(size_t n_pixels);
mic_status mic_delta_encode(mic_predictor predictor, const uint16_t *pixels, size_t width, size_t height,
                            unsigned max_value, uint16_t *words, size_t *n_words, mic_error *error);
mic_status mic_delta_decode(mic_predictor predictor, const uint16_t *words, size_t n_words, size_t width,
                            size_t height, uint16_t *pixels, mic_error *error);

/* Run lengths with a MidCount split.  `initial` becomes the first word of the output and
 * sets the run limit.  `with_length` adds the number of words after it (the stand-alone
 * form); without it, the decoder expands every block. */
size_t mic_rle_bound(size_t n_words);
mic_status mic_rle_encode(const uint16_t *words, size_t n_words, unsigned initial, int with_length,
                          uint16_t *out, size_t *n_out, mic_error *error);
/* Number of words that decoding produces. */
mic_status mic_rle_count(const uint16_t *in, size_t n_in, int with_length, size_t *n_words, mic_error *error);
mic_status mic_rle_decode(const uint16_t *in, size_t n_in, int with_length, uint16_t *words, size_t capacity,
                          size_t *n_words, mic_error *error);

/* Finite state entropy coding of 16-bit words with 1, 2, 4 or 8 states.  Refuses
 * (MIC_ERROR_UNSUPPORTED) what the published coder refuses. */
size_t mic_fse_bound(size_t n_words);
mic_status mic_fse_encode(const uint16_t *words, size_t n_words, int n_states, uint8_t *out, size_t capacity,
                          size_t *n_bytes, mic_error *error);
/* Number of words in the stream.  A 1-state stream must be decoded to count them.  Returns
 * MIC_ERROR_LIMIT if there are more than max_words. */
mic_status mic_fse_count(const uint8_t *in, size_t n_bytes, size_t max_words, size_t *n_words,
                         mic_error *error);
mic_status mic_fse_decode(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                          size_t *n_words, mic_error *error);

/* The published rANS with 8 states.  Bound, refusals and errors are the same as for FSE. */
mic_status mic_rans_encode(const uint16_t *words, size_t n_words, uint8_t *out, size_t capacity,
                           size_t *n_bytes, mic_error *error);
mic_status mic_rans_count(const uint8_t *in, size_t n_bytes, size_t max_words, size_t *n_words,
                          mic_error *error);
mic_status mic_rans_decode(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                           size_t *n_words, mic_error *error);

/* Canonical Huffman coding of 16-bit words; the tree is cut at depth 14. */
size_t mic_huffman_bound(size_t n_words);
mic_status mic_huffman_encode(const uint16_t *words, size_t n_words, uint8_t *out, size_t capacity,
                              size_t *n_bytes, mic_error *error);
mic_status mic_huffman_count(const uint8_t *in, size_t n_bytes, size_t max_words, size_t *n_words,
                             mic_error *error);
mic_status mic_huffman_decode(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                              size_t *n_words, mic_error *error);

/* Gap removal: the values that occur are renumbered, then the words are coded by FSE. */
size_t mic_gap_bound(size_t n_words);
mic_status mic_gap_encode(const uint16_t *words, size_t n_words, uint8_t *out, size_t capacity,
                          size_t *n_bytes, mic_error *error);
mic_status mic_gap_decode(const uint8_t *in, size_t n_bytes, uint16_t *words, size_t capacity,
                          size_t *n_words, mic_error *error);

/* ---- published single-frame streams: pixels in, bytes out --------------- */

/* The stages of a bare stream.  A stream records neither its kind nor its size; the caller
 * must know both. */
typedef enum mic_stream_kind {
    MIC_STREAM_FSE,      /* average predictor, run lengths, FSE; its decoder takes rANS too */
    MIC_STREAM_HUFFMAN,  /* average predictor, run lengths, Huffman */
    MIC_STREAM_GRADIENT, /* gradient predictor, run lengths, FSE */
    MIC_STREAM_GAP,      /* average predictor, run lengths, gap removal, FSE */
    MIC_STREAM_RANS,     /* average predictor, run lengths, rANS */
} mic_stream_kind;

size_t mic_stream_bound(size_t n_pixels);
/* n_states (1, 2, 4 or 8) applies to MIC_STREAM_FSE only; the other kinds fix it.  Falls
 * back to fewer states as the published encoder does. */
mic_status mic_stream_encode(mic_stream_kind kind, const uint16_t *pixels, size_t width, size_t height,
                             unsigned max_value, int n_states, uint8_t *out, size_t capacity, size_t *n_bytes,
                             mic_error *error);
mic_status mic_stream_decode(mic_stream_kind kind, const uint8_t *in, size_t n_bytes, size_t width,
                             size_t height, uint16_t *pixels, mic_error *error);

/* The published wavelet streams.  They record width and height but not their variant.  V2
 * takes 1 to 8 levels, V1 takes 1 to 4. */
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

/* One level of a slide: an image cut into tiles. */
typedef struct mic_level {
    uint32_t rows, columns;
} mic_level;

/* What a stream says about its array, apart from the samples. */
typedef struct mic_layout {
    mic_container container;
    mic_sample_type sample_type;
    mic_codec codec;    /* what the encoder was asked for */
    unsigned channels;  /* 1, or 3 (interleaved) */
    unsigned bits_used; /* smallest width that holds every sample */
    unsigned n_axes;    /* leading axes; the number of frames is their product */
    uint32_t axes[MIC_MAX_AXES];
    uint64_t n_frames;
    uint32_t rows, columns;
    uint32_t strip_rows;              /* rows per strip, 1..rows; PICA: no strip has more */
    uint32_t n_parts;                 /* strips or planes listed by PICS, PICA or MICR; otherwise 0 */
    int temporal;                     /* MIC2: frames are coded as differences */
    uint32_t shared_bytes;            /* size of the shared models, which precede the first frame */
    uint64_t header_bytes;            /* offset of the first frame */
    uint64_t index_offset;            /* offset of the frame index, 0 if there is none */
    uint64_t stream_bytes;            /* size of the stream; 0: see the head of the frame */
    unsigned n_levels;                /* levels of a slide, whose frames are its tiles; otherwise 0 */
    mic_level levels[MIC_MAX_LEVELS]; /* largest first */
} mic_layout;

size_t mic_sample_bytes(mic_sample_type type);
/* Bytes of one decoded frame. */
uint64_t mic_frame_bytes(const mic_layout *layout);
uint64_t mic_strips_per_frame(const mic_layout *layout);

/* Models that the frames of a stream may borrow instead of carrying their own. */
typedef struct mic_shared_models mic_shared_models;

typedef struct mic_encode_options {
    mic_codec codec;
    int n_states; /* FSE states: 1, 2, 4 or 8 */
    int effort;   /* 1..9 */
    int n_threads;
    unsigned max_value;              /* for MIC1, MIC2, PICS and PICA; 0: the largest sample */
    uint32_t n_strips;               /* for PICS and PICA; at most one per row */
    int temporal;                    /* MIC2: code each frame as its difference from the one before */
    const mic_shared_models *shared; /* for mic_encode_frame; NULL if there are none */
} mic_encode_options;

/* Encoded pieces, to be written in one go. */
typedef struct mic_encoded mic_encoded;
uint64_t mic_encoded_size(const mic_encoded *encoded);
/* `out` must hold mic_encoded_size() bytes. */
void mic_encoded_write(const mic_encoded *encoded, uint8_t *out);
void mic_encoded_free(mic_encoded *encoded);

/* Encode a whole array.  `samples` are contiguous and in native byte order: frames x rows x
 * columns x channels.  The caller sets these fields of `layout`: container, sample_type,
 * channels, n_axes, axes, rows and columns. */
mic_status mic_encode(const mic_layout *layout, const void *samples, const mic_encode_options *options,
                      mic_encoded **encoded, mic_error *error);

/* To write a stream frame by frame: the header, the shared models if there are any, each
 * frame, the index.  Write the header again once all frames are known; its size stays the
 * same. */
void mic_plan_strips(mic_layout *layout);
#define MIC_HEADER_BOUND 1024 /* the longest header in bytes */
mic_status mic_write_header(const mic_layout *layout, uint8_t out[MIC_HEADER_BOUND], size_t *n_bytes,
                            mic_error *error);
mic_status mic_encode_frame(const mic_layout *layout, const void *samples, const mic_encode_options *options,
                            mic_encoded **encoded, unsigned *bits_used, mic_error *error);
/* Encode n_frames consecutive frames on threads.  The caller frees each encoded[i];
 * *bits_used covers all of them. */
mic_status mic_encode_frames(const mic_layout *layout, const void *samples, size_t n_frames,
                             const mic_encode_options *options, mic_encoded **encoded, unsigned *bits_used,
                             mic_error *error);
/* Small frames may share models.  Such models are learnt from the first MIC_LEARN_FRAMES
 * frames, or from all if there are fewer.  Encode those together, before the header is
 * written, and the others by mic_encode_frame with options->shared.  Sets
 * layout->shared_bytes; *shared is NULL if sharing does not pay. */
enum { MIC_LEARN_FRAMES = 16 };
int mic_may_share_models(const mic_layout *layout);
mic_status mic_encode_first_frames(mic_layout *layout, const void *samples, size_t n_frames,
                                   const mic_encode_options *options, mic_encoded **frames,
                                   unsigned *bits_used, mic_shared_models **shared, mic_error *error);
/* Open the shared models of a stream: the layout->shared_bytes bytes before its first
 * frame.  If models are damaged or missing, the frames that borrow them report it. */
mic_status mic_shared_models_open(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                                  mic_shared_models **shared, mic_error *error);
const uint8_t *mic_shared_models_bytes(const mic_shared_models *shared, size_t *n_bytes);
void mic_shared_models_free(mic_shared_models *shared);
/* Bytes of the index of a stream; 0 for a single frame without an index. */
uint64_t mic_index_bytes(const mic_layout *layout);
void mic_write_index(const uint64_t *frame_offsets, uint64_t n_frames, uint8_t *out);

/* Read the header of any container from the first n_bytes of a stream. */
mic_status mic_read_header(const uint8_t *in, size_t n_bytes, mic_layout *layout, mic_error *error);
/* Check that the index lies within a stream of that size.  Call this before allocating
 * memory by layout->n_frames. */
mic_status mic_check_index(const mic_layout *layout, uint64_t stream_bytes, mic_error *error);
/* Check the index at `in` and return the offset of every frame.  One more entry (n_frames +
 * 1 in all) gives the end of the last frame. */
mic_status mic_read_index(const mic_layout *layout, const uint8_t *in, size_t n_bytes,
                          uint64_t *frame_offsets, mic_error *error);
/* The tile table of a MIC3 slide, which is its index; it takes n_tiles + 1 offsets. */
void mic_write_tile_table(const uint64_t *tile_offsets, uint64_t n_tiles, uint8_t *out);
/* Size of the frame that starts at `in`; reads only its head. */
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
/* List the layout->n_parts parts of the frame at `in`.  The n_bytes given may be only the
 * start of the frame, but must include its table. */
mic_status mic_read_parts(const mic_layout *layout, const uint8_t *in, size_t n_bytes, mic_part *parts,
                          mic_error *error);

/* One frame to decode, or some of its rows.  In a temporal MIC2 file, every frame but the
 * first decodes to its difference from the frame before, mod 2^16; the caller adds them up. */
typedef struct mic_decode_job {
    const mic_layout *layout;
    const mic_shared_models *shared; /* models of the stream; NULL if there are none */
    const uint8_t *in;               /* the frame */
    size_t n_bytes;
    int64_t frame;        /* frame number, for error messages */
    uint64_t base_offset; /* offset of the frame in its file; header_bytes for the first */
    uint32_t first_row, n_rows;
    uint32_t first_column, n_columns; /* 0 columns: all of them */
    uint8_t *out;                     /* n_rows rows of n_columns x channels samples */
    ptrdiff_t row_stride;             /* bytes from one row of `out` to the next */
    uint8_t *intact;                  /* n_rows flags; NULL: any damage is an error */
    int padded;                       /* zero bytes may follow the frame (native container) */
} mic_decode_job;

/* Decode all jobs on threads.  With `intact`, damaged rows become zero and are flagged 0. */
mic_status mic_decode(const mic_decode_job *jobs, size_t n_jobs, int n_threads, mic_error *error);

/* ---- pyramids ----------------------------------------------------------- */

/* Halve the size (rows / 2 x columns / 2, rounded down).  Each sample is the mean of a 2 x
 * 2 box per channel, (a + b + c + d + 2) >> 2, rounded down; an odd last row or column is
 * dropped.  `in` and `out` are contiguous. */
void mic_halve(mic_sample_type type, unsigned channels, const void *in, size_t rows, size_t columns,
               void *out);

/* ---- DICOM files ------------------------------------------------------- */

/* How the elements of a data set are written. */
typedef enum mic_dicom_encoding {
    MIC_DICOM_IMPLICIT,   /* little-endian; the elements do not name their value representation */
    MIC_DICOM_EXPLICIT,   /* little-endian; they name it */
    MIC_DICOM_BIG_ENDIAN, /* big-endian; they name it */
    MIC_DICOM_DEFLATED,   /* unknown until the data set is inflated */
} mic_dicom_encoding;

/* Flags of an element. */
enum {
    MIC_DICOM_ITEMS = 1,     /* of undefined length: items follow, and a delimiter of 8 bytes */
    MIC_DICOM_UNENDED = 2,   /* the data end, or the walk was ended, before the delimiter */
    MIC_DICOM_TRUNCATED = 4, /* the data end before the value does */
};

/* An element of the file meta information, or of the top level of the data set. */
typedef struct mic_dicom_element {
    uint32_t tag;       /* group, then element number */
    char vr[2];         /* value representation; two zeros if the element does not name it */
    uint8_t head_bytes; /* tag, value representation and length take 8 or 12 bytes */
    uint8_t flags;
    uint64_t offset;   /* of the tag */
    uint64_t n_bytes;  /* of the value that are there; a delimiter does not count */
    uint64_t declared; /* n_bytes as the element says; the same as n_bytes for items */
} mic_dicom_element;

/* What a file says before its first element, and how far it was understood. */
typedef struct mic_dicom_file {
    mic_dicom_encoding encoding; /* of the data set, as its bytes show it */
    int has_prefix;              /* it begins with a preamble and "DICM" */
    char syntax[65];             /* Transfer Syntax UID; empty if there is none */
    uint64_t data_set;           /* offset of the data set */
    uint64_t end;                /* offset after the last element; only zeros may follow */
    size_t n_meta;               /* elements of the file meta information; they come first */
    size_t n_elements;           /* those included */
} mic_dicom_file;

/* Find the elements of a DICOM file, or of a data set without a file's head.  Sequences are
 * passed over, not read.  Up to `capacity` elements are listed; file->n_elements may be
 * larger.  With `until_pixels`, the walk ends at the head of the first element with pixel
 * data, so that no fragment is touched.
 *
 * On failure, `file` and the listed elements hold what was found before the damage. */
mic_status mic_dicom_walk(const uint8_t *in, size_t n_bytes, int until_pixels, mic_dicom_element *elements,
                          size_t capacity, mic_dicom_file *file, mic_error *error);

/* The attributes that describe pixel data. */
typedef enum mic_dicom_attribute {
    MIC_DICOM_SAMPLES_PER_PIXEL,
    MIC_DICOM_PLANAR_CONFIGURATION,
    MIC_DICOM_NUMBER_OF_FRAMES,
    MIC_DICOM_ROWS,
    MIC_DICOM_COLUMNS,
    MIC_DICOM_BITS_ALLOCATED,
    MIC_DICOM_BITS_STORED,
    MIC_DICOM_HIGH_BIT,
    MIC_DICOM_PIXEL_REPRESENTATION,
    MIC_DICOM_N_NUMBERS,
} mic_dicom_attribute;

enum {
    MIC_DICOM_ABSENT = -1,  /* there is no such element, or it is empty */
    MIC_DICOM_UNUSUAL = -2, /* its value is not one number in the form that the standard asks for */
};

typedef struct mic_dicom_pixels {
    int64_t numbers[MIC_DICOM_N_NUMBERS]; /* 0 or more, or one of the two above */
    char photometric[17];                 /* Photometric Interpretation without padding */
    int64_t pixel_data;                   /* where the elements list pixel data of any kind, or -1 */
    int64_t offsets, lengths;             /* likewise the Extended Offset Table and its Lengths */
} mic_dicom_pixels;

/* Read the attributes that describe the pixel data of a file.  If an element occurs twice,
 * the last one counts. */
void mic_dicom_read_pixels(const uint8_t *in, const mic_dicom_file *file, const mic_dicom_element *elements,
                           size_t n_elements, mic_dicom_pixels *pixels);

/* The fragments of a frame: items, one after another. */
typedef struct mic_dicom_frame {
    uint64_t begin, end; /* in the value: of the first item, and after the last one */
    uint64_t n_fragments;
} mic_dicom_frame;

/* Find the fragments of each of n_frames frames in the value of encapsulated pixel data.
 * `offsets` is the Extended Offset Table, of 0 bytes if there is none.
 *
 * If there are as many fragments as frames, each is a frame, whatever a table says.  If there
 * are more, a table tells which ones begin a frame; without a table, the markers do that
 * begin all codestreams of the JPEG family. */
mic_status mic_dicom_find_frames(const uint8_t *value, uint64_t n_bytes, const uint8_t *offsets,
                                 uint64_t n_offset_bytes, uint64_t n_frames, mic_dicom_frame *frames,
                                 mic_error *error);

/* ---- the processor ----------------------------------------------------- */

typedef enum mic_isa { MIC_ISA_SCALAR, MIC_ISA_AVX2, MIC_ISA_AVX512, MIC_ISA_NEON } mic_isa;

/* Best instruction set supported by both this CPU and this operating system. */
mic_isa mic_best_isa(void);
/* The instruction set in use: the best one, or the one named by MIC_CPU in the environment. */
mic_isa mic_active_isa(void);
/* Why the scalar kernels are the best here, as a clause ("this processor lacks avx2"); empty if
 * others can run. */
const char *mic_scalar_reason(void);
/* Does the library contain the kernels of this instruction set?  The processor may lack it. */
int mic_isa_is_compiled(mic_isa isa);
/* Choose the kernels for the whole process; for tests and measurements. */
mic_status mic_use_isa(mic_isa isa, mic_error *error);
const char *mic_isa_name(mic_isa isa);
/* Brand string of the processor; empty if unknown. */
#define MIC_CPU_MODEL_SIZE 49
void mic_cpu_model(char model[MIC_CPU_MODEL_SIZE]);
/* Name and version of the compiler that built the library. */
const char *mic_compiler(void);

#ifdef __cplusplus
}
#endif
#endif
