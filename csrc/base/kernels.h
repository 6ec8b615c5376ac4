/* SPDX-License-Identifier: MIT
 *
 * The hot loops: one table of pointers per instruction set.  The scalar versions are the
 * specification, and every other version must give the same bytes on any size.  A kernel
 * never reads or writes outside the ranges it is given.
 *
 * Types of stages and codecs are named here but not defined, so that this header needs
 * nothing above base/; kernels and their callers include the headers that define them.
 */
#ifndef MIC_KERNELS_H
#define MIC_KERNELS_H

#include "internal.h"

struct mic_marker; /* base/marker.h */
struct lsb_writer; /* base/bitstream.h */

/* stages/fse_decode.c, fse_encode.c */
struct fse_reader;
struct fse_encoder;

/* wavefront/wavefront.h */
struct wf_model;
struct wf_decoder;
struct wf_strip_job;
/* wavefront/wavefront_rows.h */
struct wf_rows;
struct wf_row_codes;
struct wf_products;
/* wavefront/wavefront_encode.h, wavefront_cost.h */
struct wf_encoder;
struct wf_log_sum;

/* How decoding of run-length blocks ended.  RLE_FULL means that a block holds more words
 * than fit. */
typedef enum rle_outcome { RLE_COMPLETE, RLE_ZERO_HEADER, RLE_SHORT_INPUT, RLE_FULL } rle_outcome;

/* The types of kernels that are defined in more than one file. */
typedef size_t fse_read_fn(struct fse_reader *reader, uint16_t *words, size_t n, unsigned n_states);
typedef void fse_write_fn(const struct fse_encoder *encoder, const uint16_t *words, size_t n_words,
                          int n_states, uint32_t *state, struct lsb_writer *writer);
typedef void wf_scale_fn(const struct wf_model *model, const uint16_t *words, uint16_t offset, size_t n,
                         int16_t *out);
typedef void wf_code_fn(const struct wf_model *model, const struct wf_rows *rows, struct wf_row_codes *codes);
typedef void wf_find_rare_fn(const uint16_t *code, size_t n, const int16_t *limits, uint32_t *exact,
                             uint32_t *sampled);
typedef void wf_add_products_fn(const struct wf_rows *rows, struct wf_products *products);
typedef struct wf_log_sum wf_sum_logs_fn(const uint32_t *a, const uint32_t *b, size_t n);
typedef void wf_encode_steps_fn(struct wf_encoder *encoder);
typedef mic_status wf_decode_strips_fn(const struct wf_decoder *decoder, const struct wf_strip_job *jobs,
                                       size_t n_jobs, size_t width, mic_error *error);

typedef struct mic_kernels {
    mic_isa isa;

    /* counts[v] += occurrences of v in words[0..n); counts has 65536 entries (the caller
     * must rule out a total above 2^32 - 1).  Returns the largest word, or 0 if n is 0. */
    uint16_t (*histogram)(const uint16_t *words, size_t n, uint32_t *counts);

    /* Returns the largest word, or 0 if n is 0. */
    uint16_t (*largest)(const uint16_t *words, size_t n);

    /* CRC-32C of a byte range, continued from `crc` (0 to start). */
    uint32_t (*crc32c)(uint32_t crc, const void *data, size_t n);

    /* Index of the first word equal to `value`, or n if there is none. */
    size_t (*find_word)(const uint16_t *words, size_t n, uint16_t value);

    /* Index of the first of three equal words in a row, or n if there are none. */
    size_t (*find_triple)(const uint16_t *words, size_t n);

    /* Writes blocks for words[0..n), with a run limit >= 7; returns the number of words
     * written, at most out_room = mic_rle_bound(n) - 3. */
    size_t (*rle_encode)(const uint16_t *words, size_t n, size_t run_limit, uint16_t *out, size_t out_room);

    /* Expands blocks to words; see rle_decode_loop in stages/rle_loop.h. */
    rle_outcome (*rle_decode)(const uint16_t *in, size_t *n_in, size_t run_limit, uint16_t *out,
                              size_t capacity, size_t *n_out);

    /* words[x] = row[x] - prediction + threshold for x in [1, n), mod 2^16, where the
     * prediction is (row[x-1] + above[x]) >> 1.  Returns whether any
     * |residual| >= threshold; the caller must then escape it. */
    bool (*delta_forward_row)(const uint16_t *row, const uint16_t *above, size_t n, uint16_t threshold,
                              uint16_t *words);

    /* Four rows of average-predicted pixels at once, none of them escaped:
     * rows[k * width + x] from words[k * width + x].  `above` is the row above the first. */
    void (*delta_inverse_rows)(const uint16_t *words, const uint16_t *above, size_t width, uint16_t threshold,
                               uint16_t *rows);

    /* words[i] = table[words[i]].  For all w in [first, last], where an addition does,
     * table[w] = table[first] + w - first (mod 2^16).  Returns false, and leaves the words
     * undefined, if any word is not below n_table. */
    bool (*look_up)(uint16_t *words, size_t n, const uint16_t *table, uint32_t n_table, uint16_t first,
                    uint16_t last);

    /* words[i] += addend, mod 2^16; returns the largest word from before the addition. */
    uint16_t (*add)(uint16_t *words, size_t n, uint16_t addend);

    /* Sets marker->seen[words[i] + offset] to 1; the index is mod 2^16. */
    void (*mark)(const uint16_t *words, size_t n, uint16_t offset, struct mic_marker *marker);

    /* samples[3 * i + c] = low byte of planes[c][i], XOR `bias`. */
    void (*interleave)(uint16_t *const planes[3], size_t n, uint8_t bias, uint8_t *samples);

    /* planes[c][i] = samples[3 * i + c], XOR `bias`. */
    void (*deinterleave)(const uint8_t *samples, size_t n, uint8_t bias, uint16_t *const planes[3]);

    /* FSE states to words, and words to bits; see read_words in stages/fse_decode.c and
     * write_bits in stages/fse_encode.c. */
    fse_read_fn *fse_read;
    fse_write_fn *fse_write;

    /* The encoder of the wavefront codec, one row at a time.  First the words are scaled,
     * after the offset is added to each; n columns are written, and padding behind them may
     * be too. */
    wf_scale_fn *scale;
    /* Computes the errors of a row and, from them and its samples, its codes.  The margins
     * of the errors above must be set. */
    wf_code_fn *code;
    /* Calls wf_count_rare for each code whose symbol is above limits[bucket] & 255, in
     * ascending order of column.  Limits are codes, bucket << 8 | symbol. */
    wf_find_rare_fn *find_rare;
    /* Adds products of the terms in columns [2, width - 1); see wavefront_fit.c. */
    wf_add_products_fn *add_products;
    /* Finds the cost of coding symbols with given counts; see wavefront_cost.h. */
    wf_sum_logs_fn *sum_logs;
    /* Turns the codes of a strip into words: all steps, last one first. */
    wf_encode_steps_fn *encode_steps;

    /* Decodes strips of the same width to samples.  This is fastest with an even number of
     * strips of the same height. */
    wf_decode_strips_fn *wavefront_decode;
} mic_kernels;

/* Returns the kernels in use. */
const mic_kernels *mic_kernels_active(void);
/* Returns the kernels for one instruction set, or NULL if this machine lacks it. */
const mic_kernels *mic_kernels_for(mic_isa isa);

/* Each table is in one file, which sets all its members.  Where an instruction set has
 * nothing better, its table names the function of the level below. */
extern const mic_kernels mic_kernels_scalar; /* wavefront/scalar_table.c */
extern const mic_kernels mic_kernels_avx2, mic_kernels_avx512, mic_kernels_neon;

#endif
