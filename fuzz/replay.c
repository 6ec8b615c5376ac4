/* SPDX-License-Identifier: MIT
 *
 * Runs a target on the named files, without libFuzzer and with any compiler.  So an input
 * that once showed a fault, or is the only way to reach some line, stays a test.
 *
 *     cc -Icsrc fuzz/fuzz_stages.c fuzz/replay.c csrc/... && ./a.out FILE...
 */
#include "fuzz.h"

static uint8_t *read_file(const char *path, size_t *n_bytes)
{
    FILE *file = fopen(path, "rb");
    demand(file && fseek(file, 0, SEEK_END) == 0, path, "cannot be opened");
    const long n = ftell(file);
    demand(n >= 0 && fseek(file, 0, SEEK_SET) == 0, path, "has no size");
    *n_bytes = (size_t)n;
    uint8_t *data = allocate(*n_bytes);
    demand(fread(data, 1, *n_bytes, file) == *n_bytes, path, "cannot be read");
    fclose(file);
    return data;
}

int main(int n_arguments, char **arguments)
{
    for (int i = 1; i < n_arguments; i++) {
        size_t n_bytes;
        uint8_t *data = read_file(arguments[i], &n_bytes);
        fprintf(stderr, "\r%s", arguments[i]); /* the last line names the input that failed */
        LLVMFuzzerTestOneInput(data, n_bytes);
        free(data);
    }
    fprintf(stderr, "\n");
    printf("%-16s %d inputs\n", "replay", n_arguments - 1);
    return n_arguments < 2; /* no file is a mistake */
}
