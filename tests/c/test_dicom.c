/* SPDX-License-Identifier: MIT
 *
 * The walk over DICOM files: all encodings and labels, values of defined and undefined
 * length, offset tables, and damage: truncation at every byte and every flipped bit, at the
 * end of accessible memory.
 */
#include "check.h"

enum { MOST_BYTES = 4096, MOST_ELEMENTS = 64, PREFIX = 132 };

#define PIXEL_DATA 0x7FE00010u
#define UNDEFINED 0xFFFFFFFFu

static guarded room;

/* ---- writing ------------------------------------------------------------ */

typedef struct writer {
    uint8_t bytes[MOST_BYTES];
    size_t n;
    mic_dicom_encoding encoding;
} writer;

static void put_number(writer *w, uint32_t v, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++) {
        const unsigned at = w->encoding == MIC_DICOM_BIG_ENDIAN ? n_bytes - 1 - i : i;
        w->bytes[w->n++] = (uint8_t)(v >> 8 * at);
    }
}

static void put_bytes(writer *w, const void *bytes, size_t n_bytes)
{
    memcpy(w->bytes + w->n, bytes, n_bytes);
    w->n += n_bytes;
}

static void put_tag(writer *w, uint32_t tag)
{
    put_number(w, tag >> 16, 2);
    put_number(w, tag & 0xFFFF, 2);
}

static void put_head(writer *w, uint32_t tag, const char *vr, uint32_t length)
{
    const bool is_long = strstr("OB OW SQ UN UT", vr) != NULL;
    put_tag(w, tag);
    if (w->encoding == MIC_DICOM_IMPLICIT || tag >> 16 == 0xFFFE) {
        put_number(w, length, 4);
        return;
    }
    put_bytes(w, vr, 2);
    if (is_long)
        put_number(w, 0, 2);
    put_number(w, length, is_long ? 4 : 2);
}

static void put_text(writer *w, uint32_t tag, const char *vr, const char *text)
{
    put_head(w, tag, vr, (uint32_t)strlen(text));
    put_bytes(w, text, strlen(text));
}

static void put_short(writer *w, uint32_t tag, unsigned v)
{
    put_head(w, tag, "US", 2);
    put_number(w, v, 2);
}

static void put_item(writer *w, uint32_t length) { put_head(w, 0xFFFEE000u, "", length); }
static void put_item_end(writer *w) { put_head(w, 0xFFFEE00Du, "", 0); }
static void put_sequence_end(writer *w) { put_head(w, 0xFFFEE0DDu, "", 0); }

static void put_fragment(writer *w, const char *text)
{
    put_item(w, (uint32_t)strlen(text));
    put_bytes(w, text, strlen(text));
}

static void put_meta(writer *w, const char *syntax)
{
    const mic_dicom_encoding encoding = w->encoding;
    memset(w->bytes, 0, PREFIX - 4);
    w->n = PREFIX - 4;
    put_bytes(w, "DICM", 4);
    w->encoding = MIC_DICOM_EXPLICIT;
    put_text(w, 0x00020010u, "UI", syntax);
    w->encoding = encoding;
}

/* A sequence of undefined length in an item of undefined length in another one. */
static void put_sequences(writer *w, uint32_t tag, const char *vr)
{
    put_head(w, tag, vr, UNDEFINED);
    const mic_dicom_encoding encoding = w->encoding;
    w->encoding = strcmp(vr, "UN") ? encoding : MIC_DICOM_IMPLICIT;
    put_item(w, UNDEFINED);
    put_short(w, 0x00280010u, 7);
    put_head(w, 0x00081140u, "SQ", UNDEFINED);
    put_item(w, 6 + 2);
    put_bytes(w, "12345678", 8);
    put_sequence_end(w);
    put_item_end(w);
    put_item(w, 0);
    put_sequence_end(w);
    w->encoding = encoding;
}

static void put_data_set(writer *w)
{
    put_text(w, 0x00080060u, "CS", "MR");
    put_sequences(w, 0x00081111u, "SQ");
    if (w->encoding != MIC_DICOM_IMPLICIT)
        put_sequences(w, 0x00091010u, "UN");
    put_short(w, 0x00280002u, 1);
    put_text(w, 0x00280004u, "CS", "MONOCHROME2 ");
    put_text(w, 0x00280008u, "IS", " 2");
    put_short(w, 0x00280010u, 3);
    put_short(w, 0x00280011u, 2);
    put_short(w, 0x00280100u, 8);
    put_head(w, PIXEL_DATA, "OW", 12);
    put_bytes(w, "abcdefghijkl", 12);
    put_text(w, 0xFFFCFFFCu, "OB", "padded");
}

/* ---- walking ------------------------------------------------------------ */

typedef struct walked {
    mic_dicom_element elements[MOST_ELEMENTS];
    mic_dicom_file file;
    mic_dicom_pixels pixels;
    mic_status status;
    mic_error error;
} walked;

static size_t n_listed(const walked *d) { return min_size(d->file.n_elements, MOST_ELEMENTS); }

/* Walk a copy that ends where access ends, and check what holds of any input. */
static const uint8_t *walk(const uint8_t *bytes, size_t n, int until_pixels, walked *d)
{
    uint8_t *in = guarded_place(&room, n, true, 0);
    if (n)
        memcpy(in, bytes, n);
    d->status = mic_dicom_walk(in, n, until_pixels, d->elements, MOST_ELEMENTS, &d->file, &d->error);
    CHECK(d->file.data_set <= d->file.end && d->file.end <= n && d->file.n_meta <= d->file.n_elements,
          "%zu bytes", n);
    for (size_t i = 0; i < n_listed(d); i++) {
        const mic_dicom_element *e = &d->elements[i];
        CHECK(e->offset + e->head_bytes <= n && e->n_bytes <= n - e->offset - e->head_bytes &&
                  e->n_bytes <= e->declared,
              "element %zu of %zu bytes", i, n);
        CHECK(i == 0 || e->offset > d->elements[i - 1].offset, "element %zu", i);
    }
    mic_dicom_read_pixels(in, &d->file, d->elements, n_listed(d), &d->pixels);
    return in;
}

static void check_sentence(const walked *d, mic_status expected, const char *part)
{
    CHECK(d->status == expected, "status %d, %d expected", d->status, expected);
    CHECK(d->status == MIC_OK || strstr(d->error.message, part), "%s lacks %s", d->error.message, part);
}

/* ---- files -------------------------------------------------------------- */

static const char *const syntaxes[] = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2",
                                       "1.2.840.10008.1.2.4.70"};

static void check_file(const walked *d, mic_dicom_encoding encoding, const char *syntax)
{
    static const int64_t numbers[] = {
        1, MIC_DICOM_ABSENT, 2, 3, 2, 8, MIC_DICOM_ABSENT, MIC_DICOM_ABSENT, MIC_DICOM_ABSENT};
    const size_t n = encoding == MIC_DICOM_IMPLICIT ? 11 : 12;
    CHECK(d->status == MIC_OK && d->file.encoding == encoding && !strcmp(d->file.syntax, syntax),
          "%s as %d: %s %s", syntax, d->file.encoding, d->file.syntax, d->error.message);
    CHECK(d->file.n_meta == 1 && d->file.n_elements == n, "%zu", d->file.n_elements);
    for (size_t i = 0; i < MIC_DICOM_N_NUMBERS; i++)
        CHECK(d->pixels.numbers[i] == numbers[i], "number %zu is %lld", i, (long long)d->pixels.numbers[i]);
    CHECK(!strcmp(d->pixels.photometric, "MONOCHROME2"), "%s", d->pixels.photometric);
    CHECK(d->pixels.pixel_data == (int64_t)n - 2 && d->elements[n - 2].n_bytes == 12, "pixel data");
}

/* The bytes of the data set tell how it is written, whatever the label. */
static void test_labels(void)
{
    for (mic_dicom_encoding encoding = MIC_DICOM_IMPLICIT; encoding <= MIC_DICOM_BIG_ENDIAN; encoding++)
        for (size_t i = 0; i < COUNT_OF(syntaxes); i++) {
            writer w = {.encoding = encoding};
            walked d;
            put_meta(&w, syntaxes[i]);
            put_data_set(&w);
            walk(w.bytes, w.n, false, &d);
            check_file(&d, encoding, syntaxes[i]);
            CHECK(d.file.has_prefix && d.file.end == w.n, "the end is %llu", (unsigned long long)d.file.end);
        }
}

static void test_without_prefix_or_meta(void)
{
    for (mic_dicom_encoding encoding = MIC_DICOM_IMPLICIT; encoding <= MIC_DICOM_BIG_ENDIAN; encoding++) {
        writer w = {.encoding = encoding};
        walked d;
        put_data_set(&w);
        walk(w.bytes, w.n, false, &d);
        CHECK(!d.file.has_prefix && d.file.data_set == 0 && d.file.n_meta == 0 && d.file.syntax[0] == 0,
              "encoding %d", encoding);
        CHECK(d.status == MIC_OK && d.file.encoding == encoding && d.pixels.numbers[MIC_DICOM_ROWS] == 3,
              "encoding %d", encoding);
        put_meta(&w, syntaxes[encoding]);
        put_data_set(&w);
        walk(w.bytes + PREFIX, w.n - PREFIX, false, &d);
        check_file(&d, encoding, syntaxes[encoding]);
    }
}

static void test_deflated(void)
{
    writer w = {.encoding = MIC_DICOM_EXPLICIT};
    walked d;
    put_meta(&w, "1.2.840.10008.1.2.1.99");
    const size_t data_set = w.n;
    put_bytes(&w, "\xCB\x48\xCD\xC9\xC9\x57\x48\x49", 8);
    walk(w.bytes, w.n, false, &d);
    CHECK(d.status == MIC_OK && d.file.encoding == MIC_DICOM_DEFLATED && d.file.data_set == data_set &&
              d.file.n_elements == 1,
          "%d", d.file.encoding);
    w.n = data_set;
    put_data_set(&w);
    walk(w.bytes, w.n, false, &d);
    check_file(&d, MIC_DICOM_EXPLICIT, "1.2.840.10008.1.2.1.99");
}

static void test_padding(void)
{
    static const size_t counts[] = {1, 7, 8, 9, 100};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        writer w = {.encoding = MIC_DICOM_EXPLICIT};
        walked d;
        put_data_set(&w);
        const size_t n = w.n;
        memset(w.bytes + n, 0, counts[i]);
        walk(w.bytes, n + counts[i], false, &d);
        CHECK(d.status == MIC_OK && d.file.end == n, "%zu zeros", counts[i]);
    }
    writer w = {.encoding = MIC_DICOM_EXPLICIT};
    walked d;
    put_text(&w, 0x00080005u, "CS", "");
    w.n += 16; /* two empty elements (0000,0000) */
    put_data_set(&w);
    walk(w.bytes, w.n, false, &d);
    CHECK(d.status == MIC_OK && d.file.n_elements == 14, "%zu", d.file.n_elements);
}

static void test_capacity(void)
{
    writer w = {.encoding = MIC_DICOM_EXPLICIT};
    mic_dicom_element elements[3] = {{0}};
    mic_dicom_file file;
    put_data_set(&w);
    mic_status status = mic_dicom_walk(w.bytes, w.n, false, elements, 2, &file, NULL);
    CHECK(status == MIC_OK && file.n_elements == 11 && elements[2].tag == 0, "%zu", file.n_elements);
}

static void test_numbers(void)
{
    static const struct {
        const char *vr, *value;
        size_t n_bytes;
        int64_t number;
    } cases[] = {{"IS", "12", 2, 12},
                 {"IS", "  3 ", 4, 3},
                 {"IS", "", 0, MIC_DICOM_ABSENT},
                 {"IS", "    ", 4, MIC_DICOM_ABSENT},
                 {"IS", "1\\2 ", 4, MIC_DICOM_UNUSUAL},
                 {"IS", "+1", 2, MIC_DICOM_UNUSUAL},
                 {"IS", "12345678901234", 14, MIC_DICOM_UNUSUAL},
                 {"US", "\1\0", 2, MIC_DICOM_UNUSUAL}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        writer w = {.encoding = MIC_DICOM_EXPLICIT};
        walked d;
        put_head(&w, 0x00280008u, cases[i].vr, (uint32_t)cases[i].n_bytes);
        put_bytes(&w, cases[i].value, cases[i].n_bytes);
        put_head(&w, 0x00280010u, "US", 4); /* two values where one is due */
        put_bytes(&w, "\1\0\2\0", 4);
        walk(w.bytes, w.n, false, &d);
        CHECK(d.pixels.numbers[MIC_DICOM_NUMBER_OF_FRAMES] == cases[i].number, "case %zu is %lld", i,
              (long long)d.pixels.numbers[MIC_DICOM_NUMBER_OF_FRAMES]);
        CHECK(d.pixels.numbers[MIC_DICOM_ROWS] == MIC_DICOM_UNUSUAL, "two values");
    }
}

/* ---- encapsulated pixel data -------------------------------------------- */

/* Fragments with an offset table of n_offsets entries. */
static void put_fragments(writer *w, const char *const *texts, size_t n_texts, const uint32_t *offsets,
                          size_t n_offsets)
{
    w->n = 0;
    w->encoding = MIC_DICOM_EXPLICIT;
    put_text(w, 0x00080060u, "CS", "MR");
    put_head(w, PIXEL_DATA, "OB", UNDEFINED);
    put_item(w, (uint32_t)(4 * n_offsets));
    for (size_t i = 0; i < n_offsets; i++)
        put_number(w, offsets[i], 4);
    for (size_t i = 0; i < n_texts; i++)
        put_fragment(w, texts[i]);
    put_sequence_end(w);
}

static const char *const plain[] = {"ab", "cdef", "gh"};
static const char *const starts[] = {"\xFF\xD8"
                                     "12",
                                     "3456",
                                     "\xFF\x4F"
                                     "78"};

static mic_status find_frames(const uint8_t *in, const walked *d, uint64_t n_frames, mic_dicom_frame *frames,
                              mic_error *error)
{
    const mic_dicom_element *data = &d->elements[d->pixels.pixel_data], none = {0};
    const mic_dicom_element *table = d->pixels.offsets < 0 ? &none : &d->elements[d->pixels.offsets];
    return mic_dicom_find_frames(in + data->offset + data->head_bytes, data->n_bytes,
                                 in + table->offset + table->head_bytes, table->n_bytes, n_frames, frames,
                                 error);
}

/* expected: fragments of each frame, or an empty string for a refusal */
static void check_frames(const char *const *texts, const uint32_t *offsets, size_t n_offsets,
                         uint64_t n_frames, const char *expected)
{
    for (int until_pixels = 0; until_pixels < 2; until_pixels++) {
        writer w;
        walked d;
        mic_dicom_frame frames[4];
        put_fragments(&w, texts, 3, offsets, n_offsets);
        const uint8_t *in = walk(w.bytes, w.n, until_pixels, &d);
        mic_error error = {.status = MIC_OK};
        memset(frames, 0, sizeof frames);
        mic_status status = find_frames(in, &d, n_frames, frames, &error);
        CHECK((status == MIC_OK) == (*expected != 0), "%d %s", status, error.message);
        uint64_t at = 8 + 4 * n_offsets;
        for (size_t i = 0; expected[i]; i++) {
            CHECK(frames[i].begin == at && frames[i].n_fragments == (uint64_t)(expected[i] - '0'),
                  "frame %zu", i);
            at = frames[i].end;
        }
        CHECK(!*expected || at == w.n - 8 - d.elements[1].offset - 12, "the last frame ends at %llu",
              (unsigned long long)at);
    }
}

static void test_frames(void)
{
    static const uint32_t right[] = {0, 10, 22}, pair[] = {0, 22}, wrong[] = {0, 11}, late[] = {10, 22},
                          half[] = {0, 24}, lone[] = {0, 12};
    check_frames(plain, NULL, 0, 3, "111");
    check_frames(plain, NULL, 0, 1, "3");
    check_frames(plain, NULL, 0, 2, "");
    check_frames(plain, NULL, 0, 4, "");
    check_frames(plain, NULL, 0, 0, "");
    check_frames(plain, right, 3, 3, "111");
    check_frames(plain, pair, 2, 2, "21");
    check_frames(plain, pair, 2, 3, "111"); /* not needed, whatever it says */
    check_frames(plain, wrong, 2, 2, "");
    check_frames(plain, late, 2, 2, "");
    check_frames(plain, right, 3, 2, "");
    check_frames(starts, NULL, 0, 2, "21");
    check_frames(starts, NULL, 0, 1, "3");
    check_frames(starts, half, 2, 2, "21");
    check_frames(starts, lone, 2, 2, "12"); /* a table goes before markers */
}

static void test_extended_table(void)
{
    writer w = {.encoding = MIC_DICOM_EXPLICIT};
    walked d;
    mic_dicom_frame frames[2];
    put_head(&w, 0x7FE00001u, "OV", 0); /* the writer knows no long OV: its head is made below */
    w.n -= 4;
    put_bytes(&w, "OV\0\0\x10\0\0\0", 8);
    put_bytes(&w, "\0\0\0\0\0\0\0\0\x16\0\0\0\0\0\0\0", 16);
    put_head(&w, PIXEL_DATA, "OB", UNDEFINED);
    put_item(&w, 0);
    for (size_t i = 0; i < 3; i++)
        put_fragment(&w, plain[i]);
    put_sequence_end(&w);
    const uint8_t *in = walk(w.bytes, w.n, false, &d);
    CHECK(d.pixels.offsets == 0 && d.pixels.pixel_data == 1, "%lld", (long long)d.pixels.offsets);
    mic_status status = find_frames(in, &d, 2, frames, &d.error);
    CHECK(status == MIC_OK && frames[0].n_fragments == 2 && frames[1].n_fragments == 1, "%s",
          d.error.message);
}

static void test_unended(void)
{
    writer w;
    walked d;
    mic_dicom_frame frames[3];
    put_fragments(&w, plain, 3, NULL, 0);
    const uint8_t *in = walk(w.bytes, w.n - 8, false, &d);
    CHECK(d.status == MIC_OK && d.elements[1].flags == (MIC_DICOM_ITEMS | MIC_DICOM_UNENDED), "flags %d",
          d.elements[1].flags);
    CHECK(find_frames(in, &d, 3, frames, NULL) == MIC_OK, "frames");
    walk(w.bytes, w.n - 9, false, &d);
    check_sentence(&d, MIC_ERROR_TRUNCATED, "only 1 follow");
    CHECK(d.file.n_elements == 2 && d.elements[1].flags & MIC_DICOM_UNENDED, "the damaged one is listed");
}

/* ---- damage ------------------------------------------------------------- */

static void test_nesting(void)
{
    static uint8_t bytes[12 * 300];
    walked d;
    for (size_t n_levels = 1; n_levels < 150; n_levels++) {
        size_t n = 0;
        for (size_t i = 0; i < n_levels; i++) {
            memcpy(bytes + n, "\x08\0\x15\x11\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF", 16);
            n += 16;
        }
        walk(bytes, n, false, &d);
        check_sentence(&d, n_levels > 64 ? MIC_ERROR_LIMIT : MIC_ERROR_TRUNCATED,
                       n_levels > 64 ? "nested more than 128 deep" : "cut off");
    }
}

static void test_sentences(void)
{
    writer w = {.encoding = MIC_DICOM_EXPLICIT};
    walked d;
    put_text(&w, 0x00080060u, "CS", "MR");
    put_head(&w, PIXEL_DATA, "OW", 100);
    put_bytes(&w, "12", 2);
    walk(w.bytes, w.n, false, &d);
    check_sentence(&d, MIC_ERROR_TRUNCATED, "(7FE0,0010) at byte 10 has 100 bytes, only 2 follow");
    CHECK(d.elements[1].flags == MIC_DICOM_TRUNCATED && d.elements[1].n_bytes == 2 &&
              d.elements[1].declared == 100,
          "a truncated value");
    w.n = 10;
    put_head(&w, 0x00081111u, "SQ", UNDEFINED);
    put_bytes(&w, "12345678", 8);
    walk(w.bytes, w.n, false, &d);
    check_sentence(&d, MIC_ERROR_CORRUPT, "an item or the end of the sequence is expected");
    w.n = 10;
    put_item(&w, UNDEFINED);
    walk(w.bytes, w.n, false, &d);
    check_sentence(&d, MIC_ERROR_CORRUPT, "(FFFE,E000)");
}

static void try_frames(const uint8_t *in, const walked *d)
{
    mic_dicom_frame frames[4];
    mic_error error = {.status = MIC_OK};
    if (d->pixels.pixel_data < 0 || !(d->elements[d->pixels.pixel_data].flags & MIC_DICOM_ITEMS))
        return;
    for (uint64_t n_frames = 0; n_frames < 4; n_frames++) {
        mic_status status = find_frames(in, d, n_frames, frames, &error);
        CHECK(status == MIC_OK || error.message[0], "no sentence");
    }
}

static void try_damage(const writer *w)
{
    static walked d;
    for (size_t n = 0; n <= w->n; n++)
        try_frames(walk(w->bytes, n, n & 1, &d), &d);
    writer damaged = *w;
    for (size_t bit = 0; bit < 8 * w->n; bit++) {
        damaged.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        try_frames(walk(damaged.bytes, w->n, false, &d), &d);
        damaged.bytes[bit / 8] = w->bytes[bit / 8];
    }
}

static void test_damage(void)
{
    static const uint32_t pair[] = {0, 22};
    for (mic_dicom_encoding encoding = MIC_DICOM_IMPLICIT; encoding <= MIC_DICOM_BIG_ENDIAN; encoding++) {
        writer w = {.encoding = encoding};
        put_meta(&w, syntaxes[encoding]);
        put_data_set(&w);
        try_damage(&w);
    }
    writer w;
    put_fragments(&w, plain, 3, pair, 2);
    try_damage(&w);
}

int main(void)
{
    room = guarded_new(MOST_BYTES);
    test_labels();
    test_without_prefix_or_meta();
    test_deflated();
    test_padding();
    test_capacity();
    test_numbers();
    test_frames();
    test_extended_table();
    test_unended();
    test_nesting();
    test_sentences();
    test_damage();
    guarded_free(&room);
    return report("dicom");
}
