/* SPDX-License-Identifier: MIT
 *
 * The wavefront codec: prediction, context modelling and interleaved rANS over 32 lanes.  A
 * model (predictor, contexts, tables) is made once for a frame; its strips are coded with
 * it independently.  See docs/format.md, "Wavefront".
 */
#ifndef MIC_WAVEFRONT_H
#define MIC_WAVEFRONT_H

#include "../base/kernels.h"

enum {
    WF_LANES = 32,
    WF_SKEW = 2,        /* columns by which a lane lags behind the lane above it */
    WF_MIN_PERIOD = 64, /* least steps per row: lane 31 must be ahead of lane 0's next row */
    WF_BUCKETS = 32,    /* half octaves of the 16-bit activity */
    WF_WEIGHTS = 6,     /* W, NW, NE, WW, NN, NNE, each minus N */
    WF_SYMBOLS = 208,   /* 0, +1, -1, +2, ... +103, -103 */
    WF_MIN_TABLE_LOG = 8,
    WF_MAX_TABLE_LOG = 12,
    WF_MIN_DIRECT_LOG = 2,
    WF_MAX_DIRECT_LOG = 6,
    WF_MAX_FRACTION_BITS = 6,
    WF_STATE_LOW = 1 << 16,       /* between symbols, states are in [2^16, 2^32) */
    WF_STEP_WORDS = 2 * WF_LANES, /* words that one step can consume */
};

typedef enum wf_predictor { WF_MEDIAN = 0, WF_LINEAR = 1 } wf_predictor;

/* The contents of the model header. */
typedef struct wf_model {
    wf_predictor predictor;
    unsigned max_value;     /* largest sample */
    unsigned fraction_bits; /* samples are scaled by 2^fraction_bits; follows from max_value */
    unsigned direct_log;    /* magnitudes below 2^direct_log are symbols of their own */
    unsigned table_log;     /* frequencies of a context sum to 2^table_log */
    unsigned precision;     /* mantissa bits of a coded frequency */
    unsigned n_contexts;
    uint8_t context[WF_BUCKETS]; /* by bucket: ascending from 0 in steps of 0 or 1 */
    int16_t weights[WF_WEIGHTS]; /* Q15, multiples of 256 */
    uint16_t frequency[WF_BUCKETS][WF_SYMBOLS];
} wf_model;

/* The fields of a decoding table entry start at these bits: frequency, offset, residual. */
enum { WF_ENTRY_FREQ_SHIFT = 0, WF_ENTRY_OFFSET_SHIFT = 12, WF_ENTRY_SYMBOL_SHIFT = 24 };

typedef struct wf_decoder {
    wf_model model;
    uint32_t *table; /* n_contexts << table_log entries; owned */
} wf_decoder;

/* Constants that prediction needs, derived from a model. */
MIC_INLINE unsigned wf_fraction_bits(unsigned max_value)
{
    unsigned bits = 0;
    while (bits < WF_MAX_FRACTION_BITS && max_value << (bits + 1) <= 0x7FFF)
        bits++;
    return bits;
}

/* Scaled samples are signed 16-bit; a range above 15 bits is centred. */
MIC_INLINE int16_t wf_bias(unsigned max_value) { return max_value > 0x7FFF ? INT16_MIN : 0; }

/* ---- model ------------------------------------------------------------- */

#define WF_MODEL_BOUND (32 + WF_BUCKETS * (2 + WF_SYMBOLS * 5))
mic_status mic_wf_write_model(const wf_model *model, uint8_t *out, size_t capacity, size_t *n_bytes,
                              mic_error *error);
/* Read and check a model; *n_used is the offset of the strips. */
mic_status mic_wf_read_model(const uint8_t *in, size_t n_bytes, wf_model *model, size_t *n_used,
                             mic_error *error);
/* Frequencies of one context, from counts; the header can express them. */
void mic_wf_normalise(const uint32_t counts[WF_SYMBOLS], const wf_model *model,
                      uint16_t frequency[WF_SYMBOLS]);

/* Read a model and build its decoding table; free with mic_wf_decoder_free. */
mic_status mic_wf_decoder_open(const uint8_t *in, size_t n_bytes, wf_decoder *decoder, size_t *n_used,
                               mic_error *error);
void mic_wf_decoder_free(wf_decoder *decoder);

/* ---- strips ------------------------------------------------------------ */

/* A coded strip, and where its rows go. */
typedef struct wf_strip_job {
    const uint8_t *in;
    size_t n_bytes;
    uint16_t *words;
    size_t height;
} wf_strip_job;

/* The decoder that all others must equal; they are kernels, see base/kernels.h. */
wf_decode_strips_fn mic_wf_decode_strips_scalar;

/* Build a model for the words of several images, one below the other, each strip_rows high,
 * and for more like them, at an effort of 1..9.  Rare symbols that none of these images
 * uses get a frequency too. */
mic_status mic_wf_build_shared_model(const uint16_t *words, size_t width, size_t height, size_t strip_rows,
                                     unsigned max_value, int effort, wf_model *model, mic_error *error);

/* Memory that a thread keeps from strip to strip, because fresh pages cost a quarter of the
 * encoder's time.  Starts as {0}; free with mic_wf_scratch_free. */
typedef struct wf_scratch {
    void *memory;
    size_t n_bytes;
} wf_scratch;
void mic_wf_scratch_free(wf_scratch *scratch);

size_t mic_wf_strip_bound(size_t width, size_t height);
/* Encode a strip with a model built elsewhere.  Returns MIC_ERROR_UNSUPPORTED if the model
 * has no code for a symbol of the strip. */
mic_status mic_wf_encode_strip(const wf_model *model, const uint16_t *words, size_t width, size_t height,
                               wf_scratch *scratch, uint8_t *out, size_t capacity, size_t *n_bytes,
                               mic_error *error);

/* The encoder of a plane, in stages, because rows are predicted only once.  Open chooses
 * the predictor.  Analyse every strip, then choose makes the model, then encode every
 * strip.  Several threads may analyse strips at once, and encode them likewise; the bytes
 * do not depend on it.  `words` must stay until the last strip is analysed; `offset` is
 * added to each, mod 2^16. */
typedef struct wf_plane_encoder wf_plane_encoder;
mic_status mic_wf_plane_open(const uint16_t *words, uint16_t offset, size_t width, size_t height,
                             size_t strip_rows, unsigned max_value, int effort, wf_plane_encoder **plane,
                             mic_error *error);
/* Analyse each strip exactly once. */
mic_status mic_wf_plane_analyse(wf_plane_encoder *plane, size_t strip, mic_error *error);
mic_status mic_wf_plane_choose(wf_plane_encoder *plane, wf_model *model, mic_error *error);
/* Needs room for mic_wf_strip_bound bytes; may be called any number of times. */
mic_status mic_wf_plane_encode(const wf_plane_encoder *plane, size_t strip, uint8_t *out, size_t capacity,
                               size_t *n_bytes, mic_error *error);
void mic_wf_plane_free(wf_plane_encoder *plane);

#endif
