/* SPDX-License-Identifier: MIT
 *
 * From values of a plane to words and back.  Values are counted from the plane's smallest.
 * If only few of the values in between occur, the used ones are numbered in ascending
 * order.
 */
#ifndef MIC_SAMPLE_MAP_H
#define MIC_SAMPLE_MAP_H

#include "../base/internal.h"

enum { SAMPLE_VALUES = 65536 };

typedef enum sample_map_kind {
    MAP_CONSTANT = 0, /* every sample is `minimum`; there are no words */
    MAP_OFFSET = 1,   /* sample = minimum + word */
    MAP_PACKED = 2,   /* sample = values[word] */
} sample_map_kind;

typedef struct sample_map {
    sample_map_kind kind;
    uint16_t minimum;             /* smallest sample, counted from the type's lowest value */
    uint32_t n_values;            /* words are below this */
    uint16_t *values;             /* MAP_PACKED: n_values ascending; owned */
    uint16_t run_first, run_last; /* MAP_PACKED: longest stretch of words without a gap */
    uint16_t *ranks;              /* encoder, MAP_PACKED: value -> word; owned */
    uint8_t *table;               /* encoder, MAP_PACKED: the coded values; owned */
    const uint8_t *coded;         /* decoder, MAP_PACKED: the coded values within the head */
    size_t n_table;
} sample_map;

/* Choose the map of a plane of rows x columns values, each plus `offset` (mod 2^16).  The
 * values v with seen[v] != 0 occur. */
mic_status mic_map_choose(const uint8_t *seen, const uint16_t *values, uint16_t offset, size_t rows,
                          size_t columns, sample_map *map, mic_error *error);
void mic_map_free(sample_map *map);
/* Highest minus lowest value, plus 1. */
uint32_t mic_map_span(const sample_map *map);
/* Turn a packed map into an offset. */
void mic_map_unpack(sample_map *map);

/* Convert values to words and back, in place. */
void mic_map_forward(const sample_map *map, uint16_t *words, size_t n);
mic_status mic_map_inverse(const sample_map *map, uint16_t *words, size_t n, mic_error *error);

/* Add a number to all values, mod 2^16.  A decoder that knows where its values go saves one
 * pass over them. */
void mic_map_rebase(sample_map *map, uint16_t base);

/* The map as bytes of a frame head. */
size_t mic_map_bytes_bound(const sample_map *map);
uint8_t *mic_map_write(const sample_map *map, uint8_t *out);
mic_status mic_map_read(const uint8_t **in, const uint8_t *end, uint32_t type_values, sample_map *map,
                        mic_error *error);
/* Decode the packed values; call it after the head's checksum has been verified. */
mic_status mic_map_load(sample_map *map, uint32_t type_values, mic_error *error);

#endif
