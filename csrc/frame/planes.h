/* SPDX-License-Identifier: MIT
 *
 * Samples of a strip to planes of 16-bit values, and back.
 */
#ifndef MIC_PLANES_H
#define MIC_PLANES_H

#include "colour.h"
#include "../base/internal.h"

enum { MAX_PLANES = 3 };

/* Values of a plane are samples counted from the type's lowest: a pattern is a
 * value plus this, mod 2^bits. */
uint16_t mic_planes_base(mic_sample_type type);

/* Split n pixels into one plane of values a channel; and back, from values, or
 * from patterns if the planes hold these already. */
void mic_planes_load(const mic_layout *layout, const void *samples, size_t n,
                     uint16_t *const planes[MAX_PLANES]);
void mic_planes_store(const mic_layout *layout, uint16_t *const planes[MAX_PLANES], size_t n, bool is_pattern,
                      void *samples);

/* The samples themselves where they are a plane but for a constant, which is added to
 * each to get its value; NULL where planes have to be loaded. */
const uint16_t *mic_planes_borrow(const mic_layout *layout, const void *samples, uint16_t *offset);

/* CRC-32C of samples as they lie in a file, little-endian, continued from crc. */
uint32_t mic_planes_checksum(const mic_layout *layout, uint32_t crc, const uint8_t *samples, size_t n_bytes);

/* The transform that makes three planes cheapest, by estimate on a spread of
 * rows. */
mic_status mic_planes_choose_colour(uint16_t *const planes[MAX_PLANES], size_t columns, size_t rows,
                                    colour_transform *transform, mic_error *error);

#endif
