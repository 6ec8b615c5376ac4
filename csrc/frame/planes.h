/* SPDX-License-Identifier: MIT
 *
 * Conversion of a strip's samples to planes of 16-bit values, and back.
 */
#ifndef MIC_PLANES_H
#define MIC_PLANES_H

#include "colour.h"
#include "../base/internal.h"

enum { MAX_PLANES = 3 };

/* Values of a plane are samples counted from the type's lowest: a sample's bit pattern is
 * its value plus this base, mod 2^bits. */
uint16_t mic_planes_base(mic_sample_type type);

/* Split n pixels into one plane of values per channel.  mic_planes_store goes back, from
 * values or, if the planes already hold them, from bit patterns. */
void mic_planes_load(const mic_layout *layout, const void *samples, size_t n,
                     uint16_t *const planes[MAX_PLANES]);
void mic_planes_store(const mic_layout *layout, uint16_t *const planes[MAX_PLANES], size_t n, bool is_pattern,
                      void *samples);

/* Return the samples themselves if they equal the plane up to a constant, which must be
 * added to each to get its value.  Return NULL if planes have to be loaded. */
const uint16_t *mic_planes_borrow(const mic_layout *layout, const void *samples, uint16_t *offset);

/* CRC-32C of samples as stored in a file (little-endian), continued from crc. */
uint32_t mic_planes_checksum(const mic_layout *layout, uint32_t crc, const uint8_t *samples, size_t n_bytes);

/* Choose the transform that makes three planes cheapest, estimated on a spread of rows. */
mic_status mic_planes_choose_colour(uint16_t *const planes[MAX_PLANES], size_t columns, size_t rows,
                                    colour_transform *transform, mic_error *error);

#endif
