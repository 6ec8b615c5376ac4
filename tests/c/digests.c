/* SPDX-License-Identifier: MIT
 *
 * digests FILE...: for each stream, prints a checksum of its samples, as little-endian
 * bytes, and one of the stream that the encoder makes of them.  Every machine must print
 * the same; ci/cross.sh compares.
 */
#include "check.h"

#include "base/checksum.h"

static uint8_t *read_file(const char *path, size_t *n_bytes)
{
    enum { MOST = 1 << 24 };
    uint8_t *bytes = need(malloc(MOST));
    FILE *file = need(fopen(path, "rb"));
    *n_bytes = fread(bytes, 1, MOST, file);
    fclose(file);
    return bytes;
}

static void require(mic_status status, const char *path, const mic_error *error)
{
    if (status == MIC_OK)
        return;
    fprintf(stderr, "%s: %s\n", path, error->message);
    exit(1);
}

static uint32_t samples_digest(const mic_layout *layout, const void *samples, size_t n_bytes)
{
    uint8_t *bytes = exact_copy(samples, n_bytes);
    for (size_t i = 0; mic_sample_bytes(layout->sample_type) == 2 && i < n_bytes; i += 2) {
        uint16_t word;
        memcpy(&word, bytes + i, sizeof word);
        store_u16(bytes + i, word);
    }
    uint32_t digest = mic_crc32c_scalar(0, bytes, n_bytes);
    free(bytes);
    return digest;
}

/* Decode all frames of the stream, one after the other. */
static uint8_t *decode(const char *path, const uint8_t *in, size_t n_bytes, mic_layout *layout)
{
    mic_error error;
    require(mic_read_header(in, n_bytes, layout, &error), path, &error);
    const size_t n_frames = (size_t)layout->n_frames, frame_bytes = (size_t)mic_frame_bytes(layout);
    uint64_t *offsets = need(calloc(n_frames + 1, sizeof *offsets));
    mic_decode_job *jobs = need(calloc(n_frames, sizeof *jobs));
    uint8_t *samples = need(malloc(n_frames * frame_bytes));
    mic_shared_models *shared = NULL;
    if (layout->shared_bytes)
        require(mic_shared_models_open(layout, in + layout->header_bytes - layout->shared_bytes,
                                       layout->shared_bytes, &shared, &error),
                path, &error);
    offsets[0] = layout->header_bytes;
    offsets[1] = n_bytes;
    if (layout->index_offset)
        require(mic_read_index(layout, in + layout->index_offset, n_bytes - (size_t)layout->index_offset,
                               offsets, &error),
                path, &error);
    for (size_t i = 0; i < n_frames; i++) {
        uint64_t size; /* there may be padding before the next frame */
        const uint8_t *frame = in + offsets[i];
        require(mic_frame_size(layout, frame, (size_t)(offsets[i + 1] - offsets[i]), &size, &error), path,
                &error);
        jobs[i] = (mic_decode_job){.layout = layout,
                                   .shared = shared,
                                   .in = frame,
                                   .n_bytes = (size_t)size,
                                   .n_rows = layout->rows,
                                   .out = samples + i * frame_bytes,
                                   .row_stride = (ptrdiff_t)(frame_bytes / layout->rows)};
    }
    require(mic_decode(jobs, n_frames, 1, &error), path, &error);
    mic_shared_models_free(shared);
    free(offsets);
    free(jobs);
    return samples;
}

static uint32_t encoded_digest(const char *path, const mic_layout *layout, const void *samples,
                               mic_codec codec, int effort)
{
    mic_error error;
    mic_encoded *encoded = NULL;
    mic_layout frames = *layout;
    frames.n_levels = 0; /* tiles become frames, because slides are not written in one go */
    const mic_encode_options options = {.codec = codec, .n_states = 2, .effort = effort, .n_threads = 1};
    require(mic_encode(&frames, samples, &options, &encoded, &error), path, &error);
    size_t n_bytes = (size_t)mic_encoded_size(encoded);
    uint8_t *bytes = need(malloc(n_bytes));
    mic_encoded_write(encoded, bytes);
    uint32_t digest = mic_crc32c_scalar(0, bytes, n_bytes);
    mic_encoded_free(encoded);
    free(bytes);
    return digest;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');
        mic_layout layout;
        size_t n_bytes;
        uint8_t *in = read_file(argv[i], &n_bytes), *samples = decode(argv[i], in, n_bytes, &layout);
        printf("%-40s %08x", slash ? slash + 1 : argv[i],
               samples_digest(&layout, samples, (size_t)(layout.n_frames * mic_frame_bytes(&layout))));
        for (int codec = MIC_CODEC_FSE; codec <= MIC_CODEC_WAVEFRONT; codec++)
            for (int effort = 1; effort <= 9; effort += 4)
                printf(" %08x", encoded_digest(argv[i], &layout, samples, (mic_codec)codec, effort));
        putchar('\n');
        free(in);
        free(samples);
    }
    return 0;
}
