/* SPDX-License-Identifier: MIT
 *
 * Every public function on every instruction set of this machine: all must give the same
 * bytes or the same refusal.
 *
 *     byte 0    mod 4: 0 the rest is a stage's stream to decode; 1 a stream of any
 *               container, whose checksums are mended; 2 samples to encode, which
 *               must come back; 3 the same, and then the eight bytes at the end of
 *               the input are damage: places (two bytes) and what to flip there
 *     byte 1    0: which stage; 1: bit 0, leave checksums as they are; bit 1, rescue;
 *               2, 3: sample type (two bits), colour (one), codec (two), states (two),
 *               and whether the container is a published one
 *     byte 2    width - 1
 *     byte 3    low half: effort - 1, mod 9; then frames, none for an image (two bits),
 *               and which published container (two bits; MICR for colour)
 *     byte 4    how many bits of each sample count, - 1, mod 16; bit 4: other
 *               instruction sets encode on two threads
 *     the rest  the data
 */
#include "mend.h"
#include "reading.h"

enum { HEAD = 5, CAPACITY = 1 << 16, MOST_BYTES = 1 << 18 };

/* The result of a call: its status and, on success, its bytes. */
typedef struct outcome {
    mic_status status;
    uint8_t *bytes;
    size_t n_bytes;
} outcome;

typedef struct input {
    const uint8_t *head, *data;
    size_t n_bytes;
    mic_layout layout; /* layout of samples to encode */
    mic_encode_options options;
} input;

typedef outcome call(const input *in);

/* Run the call on each instruction set and return the outcome that all agree on. */
static outcome on_each_isa(call *run, input *in)
{
    mic_isa isas[4];
    const size_t n_isas = available_isas(isas);
    outcome first = {.status = MIC_OK};
    in->options.n_threads = 1;
    for (size_t i = 0; i < n_isas; i++) {
        demand(mic_use_isa(isas[i], NULL) == MIC_OK, mic_isa_name(isas[i]), "cannot be used");
        outcome next = run(in);
        if (i == 0) {
            first = next;
            if (in->head[4] & 16)
                in->options.n_threads = 2;
            continue;
        }
        demand(next.status == first.status, mic_isa_name(isas[i]), "another status than scalar");
        demand(next.status != MIC_OK ||
                   (next.n_bytes == first.n_bytes && equal(next.bytes, first.bytes, first.n_bytes)),
               mic_isa_name(isas[i]), "other bytes than scalar");
        free(next.bytes);
    }
    return first;
}

/* ---- stages ------------------------------------------------------------- */

enum { N_STREAM_KINDS = MIC_STREAM_GAP + 1, N_PREDICTORS = MIC_PREDICT_MEDIAN + 1 };

static mic_status decode_words(unsigned stage, const input *in, const uint8_t *data, uint16_t *words,
                               size_t width, size_t *n_words, mic_error *error)
{
    const size_t n_in = in->n_bytes / 2, height = n_in > width ? (n_in - 1) / width : 1;
    mic_status status;
    switch (stage) {
    case 0: return mic_fse_decode(data, in->n_bytes, words, CAPACITY, n_words, error);
    case 1: return mic_huffman_decode(data, in->n_bytes, words, CAPACITY, n_words, error);
    case 2: return mic_gap_decode(data, in->n_bytes, words, CAPACITY, n_words, error);
    case 3:
    case 4: {
        uint16_t *runs = words_of(data, n_in);
        status = mic_rle_decode(runs, n_in, stage == 3, words, CAPACITY, n_words, error);
        free(runs);
        return status;
    }
    default:
        *n_words = width * height;
        if (stage < 5 + N_PREDICTORS) {
            uint16_t *residuals = words_of(data, n_in);
            status = mic_delta_decode((mic_predictor)(stage - 5), residuals, n_in, width, height, words,
                                      error);
            free(residuals);
            return status;
        }
        *n_words = width * 16;
        return mic_stream_decode((mic_stream_kind)(stage - 5 - N_PREDICTORS), data, in->n_bytes, width, 16,
                                 words, error);
    }
}

static outcome decode_stage(const input *in)
{
    const unsigned stage = in->head[1] % (5u + N_PREDICTORS + N_STREAM_KINDS);
    size_t n_words = 0;
    mic_error error = {.status = MIC_OK};
    uint8_t *data = copy_of(in->data, in->n_bytes);
    uint16_t *words = allocate(CAPACITY * sizeof *words);
    outcome out = {.bytes = (uint8_t *)words};
    out.status = decode_words(stage, in, data, words, in->head[2] + 1u, &n_words, &error);
    check_sentence(out.status, &error);
    out.n_bytes = n_words * sizeof *words;
    free(data);
    return out;
}

/* ---- streams ------------------------------------------------------------ */

/* Decode all frames of the stream, one after the other; with rescue, the flags follow them. */
static outcome decode_frames(const mic_layout *layout, const mic_shared_models *shared, const uint8_t *in,
                             const uint64_t *offsets, size_t n_frames, bool rescue)
{
    const size_t n_frame = (size_t)mic_frame_bytes(layout), n_flags = rescue ? layout->rows : 0;
    outcome out = {.n_bytes = n_frames * (n_frame + n_flags)};
    out.bytes = allocate(out.n_bytes);
    mic_decode_job *jobs = allocate(n_frames * sizeof *jobs);
    for (size_t i = 0; i < n_frames; i++)
        jobs[i] = (mic_decode_job){.layout = layout,
                                   .shared = shared,
                                   .in = in + offsets[i],
                                   .base_offset = offsets[i],
                                   .n_bytes = (size_t)(offsets[i + 1] - offsets[i]),
                                   .frame = (int64_t)i,
                                   .n_rows = layout->rows,
                                   .out = out.bytes + i * n_frame,
                                   .row_stride = (ptrdiff_t)(n_frame / layout->rows),
                                   .intact = rescue ? out.bytes + n_frames * n_frame + i * n_flags : NULL};
    mic_error error = {.status = MIC_OK};
    out.status = mic_decode(jobs, n_frames, 1, &error);
    check_error(out.status, &error);
    free(jobs);
    return out;
}

static outcome decode_stream(const input *in)
{
    uint8_t *data = copy_of(in->data, in->n_bytes);
    mic_layout layout;
    outcome out = {.status = read_layout(data, in->n_bytes, &layout)};
    if (out.status == MIC_OK && mic_frame_bytes(&layout) <= MOST_BYTES) {
        uint64_t *offsets = locate(data, in->n_bytes, &layout);
        mic_shared_models *shared = open_shared(data, in->n_bytes, &layout);
        const size_t n_frames = layout.n_frames < MOST_FRAMES ? (size_t)layout.n_frames : MOST_FRAMES;
        if (offsets && n_frames * mic_frame_bytes(&layout) <= MOST_BYTES)
            out = decode_frames(&layout, shared, data, offsets, n_frames, in->head[1] & 2);
        mic_shared_models_free(shared);
        free(offsets);
    }
    free(data);
    return out;
}

/* ---- there and back ----------------------------------------------------- */

static mic_container container_of(const uint8_t *head)
{
    static const mic_container published[4] = {MIC_CONTAINER_MIC1, MIC_CONTAINER_MIC2, MIC_CONTAINER_PICS,
                                               MIC_CONTAINER_PICA};
    if (!(head[1] & 128))
        return MIC_CONTAINER_NATIVE;
    return head[1] & 4 ? MIC_CONTAINER_MICR : published[head[3] / 64];
}

static void choose(input *in)
{
    const uint8_t kind = in->head[1];
    static const unsigned frames[4] = {0, 1, 2, 6};
    const unsigned n_frames = frames[in->head[3] / 16 % 4];
    in->layout = (mic_layout){.container = container_of(in->head),
                              .sample_type = (mic_sample_type)(kind & 3),
                              .channels = kind & 4 ? 3 : 1,
                              .codec = (mic_codec)(1 + kind / 8 % 4 % 3),
                              .columns = in->head[2] + 1u,
                              .n_axes = n_frames > 0,
                              .axes = {n_frames},
                              .n_frames = n_frames ? n_frames : 1};
    in->options = (mic_encode_options){.codec = in->layout.codec,
                                       .n_states = 1 << kind / 32 % 4,
                                       .effort = 1 + in->head[3] % 16 % 9,
                                       .n_strips = 3};
    const size_t n_row = in->layout.columns * in->layout.channels * mic_sample_bytes(in->layout.sample_type);
    in->layout.rows = (uint32_t)(in->n_bytes / n_row / in->layout.n_frames);
}

/* The samples, masked to the number of bits that count. */
static uint8_t *samples_of(const input *in, size_t n_bytes)
{
    const unsigned n_bits = 1 + in->head[4] % 16;
    uint8_t *samples = copy_of(in->data, n_bytes);
    if (mic_sample_bytes(in->layout.sample_type) == 1) {
        for (size_t i = 0; i < n_bytes; i++)
            samples[i] &= (uint8_t)((1u << n_bits) - 1);
    } else {
        for (size_t i = 0; i < n_bytes; i += 2) {
            const uint16_t word = (uint16_t)(load_u16(samples + i) & ((1u << n_bits) - 1));
            memcpy(samples + i, &word, 2);
        }
    }
    return samples;
}

static outcome encode(const input *in)
{
    uint8_t *samples = copy_of(in->data, in->n_bytes); /* a copy of their exact size */
    mic_encoded *encoded = NULL;
    mic_error error = {.status = MIC_OK};
    outcome out = {.status = mic_encode(&in->layout, samples, &in->options, &encoded, &error)};
    check_sentence(out.status, &error);
    demand(out.status == MIC_OK || in->layout.container != MIC_CONTAINER_NATIVE, "native", error.message);
    if (out.status == MIC_OK) {
        out.n_bytes = (size_t)mic_encoded_size(encoded);
        out.bytes = allocate(out.n_bytes);
        mic_encoded_write(encoded, out.bytes);
    }
    mic_encoded_free(encoded);
    free(samples);
    return out;
}

static void there_and_back(input *in, const uint8_t *how)
{
    in->n_bytes = (size_t)(in->layout.n_frames * mic_frame_bytes(&in->layout));
    uint8_t *samples = samples_of(in, in->n_bytes);
    in->data = samples;
    const size_t n_samples = in->n_bytes;
    outcome coded = on_each_isa(encode, in);
    if (coded.status == MIC_OK) {
        if (how) {
            damage(how, coded.bytes, coded.n_bytes);
            mend(coded.bytes, coded.n_bytes, false);
        }
        const uint8_t head[HEAD] = {0, how ? how[0] & 2 : 0};
        input stream = {.head = head, .data = coded.bytes, .n_bytes = coded.n_bytes};
        outcome back = on_each_isa(decode_stream, &stream);
        demand(how || (back.status == MIC_OK && back.n_bytes == n_samples &&
                       equal(back.bytes, samples, n_samples)),
               "round trip", "other samples came back");
        free(back.bytes);
    }
    free(coded.bytes);
    free(samples);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD + DAMAGE)
        return 0;
    input in = {.head = data, .data = data + HEAD, .n_bytes = size - HEAD};
    const unsigned what = data[0] % 4;
    if (what == 0) {
        free(on_each_isa(decode_stage, &in).bytes);
    } else if (what == 1) {
        uint8_t *stream = copy_of(in.data, in.n_bytes);
        if (!(data[1] & 1))
            mend(stream, in.n_bytes, false);
        in.data = stream;
        free(on_each_isa(decode_stream, &in).bytes);
        free(stream);
    } else {
        const uint8_t *how = what == 3 ? data + size - DAMAGE : NULL;
        in.n_bytes -= how ? DAMAGE : 0;
        choose(&in);
        if (in.layout.rows > 0)
            there_and_back(&in, how);
    }
    return 0;
}
