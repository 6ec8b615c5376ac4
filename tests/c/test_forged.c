/* SPDX-License-Identifier: MIT
 *
 * Native streams with damage under correct checksums, as a hostile writer would make them:
 * header, frame head and pieces are changed byte by byte and the checksums mended.
 * Whatever is announced, nothing is read or written outside the buffers.  A frame never
 * passes for another one, because its samples have a checksum too.
 */
#include "check.h"

#include "base/checksum.h"
#include "frame/encoded.h"
#include "streams.h"
#include "base/varint.h"

enum { CRC = 4, MOST_PIECES = 16, MOST_SAMPLES = 1 << 16 };

static void mend(uint8_t *bytes, size_t n_bytes)
{
    store_u32(bytes + n_bytes - CRC, mic_crc32c_scalar(0, bytes, n_bytes - CRC));
}

/* ---- headers ------------------------------------------------------------ */

/* Decode whatever the header now says, within a limit on the number of samples. */
static void check_header(const stream_case *c, const stream *s, const uint8_t *bytes)
{
    uint8_t *in = exact_copy(bytes, s->n_bytes);
    mic_layout layout;
    mic_error error = {.status = MIC_OK};
    mic_status status = mic_read_header(in, s->n_bytes, &layout, &error);
    if (status == MIC_OK && layout.n_frames * mic_frame_bytes(&layout) <= MOST_SAMPLES) {
        const size_t n_out = (size_t)(layout.n_frames * mic_frame_bytes(&layout));
        uint8_t *out = need(malloc(n_out));
        status = decode_stream(in, s->n_bytes, 1, out, n_out, NULL, &error);
        CHECK(status != MIC_OK || n_out == s->n_sample_bytes || layout.n_frames != s->layout.n_frames,
              "%s: %zu bytes of samples, %zu expected", c->name, n_out, s->n_sample_bytes);
        free(out);
    } else if (status == MIC_OK && layout.n_axes) {
        status = mic_check_index(&layout, s->n_bytes, &error); /* whatever the size */
        CHECK(status == MIC_OK || error.message[0], "%s", c->name);
    }
    free(in);
}

static void test_headers(const stream_case *c, const stream *s)
{
    static const uint8_t values[] = {0, 1, 0x7F, 0x80, 0xFF};
    const size_t n_header = (size_t)s->layout.header_bytes - s->layout.shared_bytes;
    uint8_t *bytes = exact_copy(s->bytes, s->n_bytes);
    for (size_t place = 4; place < n_header - CRC; place++)
        for (unsigned k = 0; k < 8 + COUNT_OF(values); k++) {
            bytes[place] = k < 8 ? (uint8_t)(s->bytes[place] ^ 1u << k) : values[k - 8];
            mend(bytes, n_header);
            check_header(c, s, bytes);
            memcpy(bytes, s->bytes, n_header);
        }
    for (int trial = 0; trial < 500; trial++) { /* absurd numbers: change several bytes at once */
        for (int k = 0; k < 5; k++)
            bytes[5 + random_u32() % (n_header - CRC - 5)] = (uint8_t)(random_u32() | random_u32());
        mend(bytes, n_header);
        check_header(c, s, bytes);
        memcpy(bytes, s->bytes, n_header);
    }
    free(bytes);
}

/* Optional blocks, which today's encoder does not write. */
static void test_blocks(const stream_case *c, const stream *s)
{
    static const struct {
        uint32_t all, length;
        char type;
        mic_status status;
    } cases[] = {
        {12, 4, 'n', MIC_OK},
        {12, 4, 'N', MIC_ERROR_UNSUPPORTED},
        {12, 5, 'n', MIC_ERROR_CORRUPT},
        {12, 3, 'n', MIC_ERROR_CORRUPT},
        {12, 0xFFFFFFFF, 'n', MIC_ERROR_CORRUPT},
        {12, 0xFFFFFFF8, 'n', MIC_ERROR_CORRUPT},
    };
    const size_t n_fields = (size_t)s->layout.header_bytes - CRC, n_blocks = 4 + 12;
    uint8_t header[MIC_HEADER_BOUND + 16] = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        mic_layout layout;
        memcpy(header, s->bytes, n_fields);
        header[5] |= 16;
        store_u32(header + n_fields, cases[i].all);
        memset(header + n_fields + 4, cases[i].type, 4);
        store_u32(header + n_fields + 8, cases[i].length);
        mend(header, n_fields + n_blocks + CRC);
        uint8_t *in = exact_copy(header, n_fields + n_blocks + CRC);
        mic_status status = mic_read_header(in, n_fields + n_blocks + CRC, &layout, NULL);
        /* With frames, the index offset lies within the header or it does not. */
        CHECK(status == cases[i].status, "%s: block case %zu: %d", c->name, i, status);
        for (size_t n = 0; n < n_fields + n_blocks + CRC; n++) {
            uint8_t *cut = exact_copy(in, n);
            CHECK(mic_read_header(cut, n, &layout, NULL) != MIC_OK, "%s: cut at %zu", c->name, n);
            free(cut);
        }
        free(in);
    }
}

static void test_index(const stream_case *c, const stream *s)
{
    const size_t n_index = (size_t)mic_index_bytes(&s->layout), start = (size_t)s->layout.index_offset;
    uint8_t *bytes = exact_copy(s->bytes, s->n_bytes), *out = need(malloc(s->n_sample_bytes));
    for (size_t bit = 0; bit < 8 * (n_index - CRC); bit++) {
        bytes[start + bit / 8] ^= (uint8_t)(1u << bit % 8);
        mend(bytes + start, n_index);
        mic_status status = decode_stream(bytes, s->n_bytes, 1, out, s->n_sample_bytes, NULL, NULL);
        CHECK(status == MIC_ERROR_CORRUPT || status == MIC_ERROR_CHECKSUM || status == MIC_ERROR_TRUNCATED,
              "%s: status %d, bit %zu", c->name, status, bit);
        memcpy(bytes + start, s->bytes + start, n_index);
    }
    uint64_t offsets[8];
    for (size_t n = 0; n < n_index; n++) {
        uint8_t *in = exact_copy(s->bytes + start, n);
        CHECK(mic_read_index(&s->layout, in, n, offsets, NULL) == MIC_ERROR_TRUNCATED, "%s: %zu bytes",
              c->name, n);
        free(in);
    }
    free(bytes);
    free(out);
}

/* ---- frames ------------------------------------------------------------- */

typedef struct frame_parts {
    uint8_t *prefix; /* the start of the head: samples' checksum, colour, sample maps and models */
    size_t n_prefix;
    size_t n_planes; /* pieces per strip, one for each plane that is not constant */
    size_t n_pieces;
    uint8_t *pieces[MOST_PIECES];
    size_t sizes[MOST_PIECES];
    uint32_t lies[MOST_PIECES]; /* by how much more than its size the head announces for a piece */
} frame_parts;

/* Write the lengths of the pieces and a checksum for each strip, as in the head. */
static uint8_t *write_lengths(const frame_parts *f, uint8_t *out)
{
    for (size_t i = 0; i < f->n_pieces; i += f->n_planes) {
        uint32_t crc = 0;
        for (size_t k = i; k < i + f->n_planes; k++) {
            out = varint_write(out, (uint32_t)f->sizes[k] + f->lies[k]);
            crc = mic_crc32c_scalar(crc, f->pieces[k], f->sizes[k]);
        }
        store_u32(out, crc);
        out += CRC;
    }
    return out;
}

static frame_parts split_frame(const stream_case *c, const stream *s)
{
    mic_layout layout = s->layout;
    mic_encode_options options = asked_options(c, 1);
    mic_encoded *encoded = NULL;
    unsigned bits_used;
    options.shared = s->shared;
    CHECK(mic_encode_frame(&layout, s->samples, &options, &encoded, &bits_used, NULL) == MIC_OK, "%s",
          c->name);
    frame_parts f = {.n_planes = 0};
    for (size_t i = 1; i < encoded->n_parts; i++) {
        const size_t n = encoded->parts[i].n_bytes;
        if (n == 0) /* constant plane */
            continue;
        need(f.n_pieces < MOST_PIECES ? encoded : NULL);
        f.n_planes += i <= layout.channels;
        f.sizes[f.n_pieces] = n;
        f.pieces[f.n_pieces++] = exact_copy(encoded->parts[i].bytes, n);
    }
    uint8_t lengths[MOST_PIECES * (VARINT_MAX_BYTES + CRC)];
    f.n_prefix = encoded->parts[0].n_bytes - CRC - (size_t)(write_lengths(&f, lengths) - lengths);
    f.prefix = exact_copy(encoded->parts[0].bytes, f.n_prefix);
    mic_encoded_free(encoded);
    return f;
}

static void free_parts(frame_parts *f)
{
    for (size_t i = 0; i < f->n_pieces; i++)
        free(f->pieces[i]);
    free(f->prefix);
}

/* Join the parts to a frame whose checksums are all correct, except that of the samples. */
static uint8_t *join_frame(const frame_parts *f, size_t *n_bytes)
{
    size_t bound = f->n_prefix + CRC;
    for (size_t i = 0; i < f->n_pieces; i++)
        bound += VARINT_MAX_BYTES + CRC + f->sizes[i];
    uint8_t *frame = need(malloc(bound)), *next = frame;
    memcpy(next, f->prefix, f->n_prefix);
    next += f->n_prefix;
    next = write_lengths(f, next) + CRC;
    mend(frame, (size_t)(next - frame));
    for (size_t i = 0; i < f->n_pieces; next += f->sizes[i], i++)
        memcpy(next, f->pieces[i], f->sizes[i]);
    *n_bytes = (size_t)(next - frame);
    uint8_t *exact = exact_copy(frame, *n_bytes);
    free(frame);
    return exact;
}

static mic_status check_frame(const stream_case *c, const stream *s, const frame_parts *f, const char *what,
                              size_t place)
{
    const size_t n_out = (size_t)mic_frame_bytes(&s->layout);
    size_t n_bytes;
    uint64_t size;
    uint8_t *in = join_frame(f, &n_bytes), *out = need(malloc(n_out));
    mic_error error = {.status = MIC_OK};
    mic_decode_job job = {.layout = &s->layout,
                          .shared = s->shared,
                          .in = in,
                          .n_bytes = n_bytes,
                          .n_rows = s->layout.rows,
                          .out = out,
                          .row_stride = (ptrdiff_t)(n_out / s->layout.rows)};
    mic_status status = mic_decode(&job, 1, 1, &error);
    CHECK(status != MIC_OK || same(out, s->samples, n_out), "%s: other samples, %s at %zu", c->name, what,
          place);
    CHECK(status == MIC_OK || (status == error.status && error.message[0]), "%s: %s at %zu", c->name, what,
          place);
    CHECK(status < MIC_ERROR_LIMIT, "%s: not a fault of the data: status %d, %s at %zu", c->name, status,
          what, place);
    mic_frame_size(&s->layout, in, n_bytes, &size, NULL);
    job.first_row = s->layout.rows / 2; /* some rows only, so the checksum of the samples is not checked */
    job.n_rows = s->layout.rows - job.first_row;
    mic_decode(&job, 1, 1, &error);
    free(in);
    free(out);
    return status;
}

/* Flip every bit of some bytes, then change several bytes at once at random. */
static void damage_bytes(const stream_case *c, const stream *s, const frame_parts *f, uint8_t *bytes,
                         size_t n, const char *what)
{
    uint8_t *original = exact_copy(bytes, n);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_frame(c, s, f, what, bit / 8);
        bytes[bit / 8] = original[bit / 8];
    }
    for (size_t trial = 0; n && trial < 200; trial++) {
        for (int k = 0; k < 3; k++)
            bytes[random_u32() % n] = (uint8_t)random_u32();
        check_frame(c, s, f, what, n);
        memcpy(bytes, original, n);
    }
    free(original);
}

/* The frame ends early although its head is correct. */
static void cut_frame(const stream_case *c, const stream *s, const frame_parts *f)
{
    const size_t n_out = (size_t)mic_frame_bytes(&s->layout);
    size_t n_bytes;
    uint8_t *frame = join_frame(f, &n_bytes), *out = need(malloc(n_out));
    for (size_t n = 0; n < n_bytes; n++) {
        uint8_t *in = exact_copy(frame, n);
        const mic_decode_job job = {.layout = &s->layout,
                                    .shared = s->shared,
                                    .in = in,
                                    .n_bytes = n,
                                    .n_rows = s->layout.rows,
                                    .out = out,
                                    .row_stride = (ptrdiff_t)(n_out / s->layout.rows)};
        mic_status status = mic_decode(&job, 1, 1, NULL);
        CHECK(status > MIC_OK && status < MIC_ERROR_ARGUMENT, "%s: status %d, cut at %zu", c->name, status,
              n);
        free(in);
    }
    free(frame);
    free(out);
}

static void cut_piece(const stream_case *c, const stream *s, frame_parts *f, size_t piece)
{
    const size_t n = f->sizes[piece];
    for (f->sizes[piece] = 0; f->sizes[piece] < n; f->sizes[piece]++)
        check_frame(c, s, f, "piece cut", f->sizes[piece]);
}

/* Give the pieces of a strip lengths whose sum is correct only in 32 bits. */
static void wrap_lengths(const stream_case *c, const stream *s, frame_parts *f)
{
    for (size_t i = 0; f->n_planes > 1 && i < f->n_pieces; i += f->n_planes) {
        f->lies[i] = f->lies[i + 1] = 1u << 31;
        CHECK(check_frame(c, s, f, "lengths of 2^31", i) == MIC_ERROR_TRUNCATED, "%s: piece %zu", c->name, i);
        f->lies[i] = f->lies[i + 1] = 0;
    }
}

static void test_frames(const stream_case *c, const stream *s)
{
    frame_parts f = split_frame(c, s);
    CHECK(check_frame(c, s, &f, "nothing", 0) == MIC_OK, "%s", c->name);
    damage_bytes(c, s, &f, f.prefix + CRC, f.n_prefix - CRC, "maps and models");
    const size_t n_prefix = f.n_prefix;
    for (f.n_prefix = 0; f.n_prefix < n_prefix; f.n_prefix++)
        check_frame(c, s, &f, "head cut", f.n_prefix);
    for (size_t i = 0; i < f.n_pieces; i++) {
        damage_bytes(c, s, &f, f.pieces[i], f.sizes[i], "piece");
        cut_piece(c, s, &f, i);
    }
    wrap_lengths(c, s, &f);
    cut_frame(c, s, &f);
    free_parts(&f);
}

int main(void)
{
    for (size_t i = 0; i < COUNT_OF(stream_cases); i++) {
        const stream_case *c = &stream_cases[i];
        if (c->container != MIC_CONTAINER_NATIVE)
            continue;
        stream s = make_stream(c);
        test_headers(c, &s);
        test_frames(c, &s);
        if (c->n_axes == 0)
            test_blocks(c, &s);
        else
            test_index(c, &s);
        stream_free(&s);
    }
    return report("test_forged");
}
