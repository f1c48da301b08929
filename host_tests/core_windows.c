/*
 * Features of a stream of samples, for a build with sanitizers: config (vib_config_t), frames (u32) and samples from
 * standard input, features to standard output. Frames come in lumps of odd sizes, as from a FIFO.
 */
#include <stdio.h>
#include <stdlib.h>

#include "vib.h"

static int fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

int main(void)
{
    vib_config_t config;
    vib_core_t *core = NULL;
    uint32_t frames;
    size_t bytes = 0, lump = 1;
    if (fread(&config, sizeof config, 1, stdin) != 1 || fread(&frames, sizeof frames, 1, stdin) != 1) {
        return fail("no header");
    }
    if (vib_core_size(&config, &bytes) != VIB_OK) {
        return fail("config refused");
    }
    void *memory = malloc(bytes);
    int16_t *samples = malloc(frames * config.axes * sizeof(int16_t));
    size_t n = vib_feature_count(&config);
    int16_t *out = malloc(n * sizeof(int16_t));
    if (!memory || !samples || !out || vib_core_init(memory, bytes, &config, &core) != VIB_OK ||
        fread(samples, config.axes * sizeof(int16_t), frames, stdin) != frames) {
        return fail("no memory or no samples");
    }
    for (size_t at = 0; at < frames;) {
        size_t offered = lump < frames - at ? lump : frames - at, taken = 0;
        vib_core_push(core, samples + at * config.axes, offered, &taken);
        at += taken;
        lump = lump % 97 + 13;
        if (vib_core_ready(core)) {
            if (vib_core_features(core, out, n) != VIB_OK) {
                return fail("features refused");
            }
            fwrite(out, sizeof *out, n, stdout);
        }
    }
    free(memory);
    free(samples);
    free(out);
    return 0;
}
