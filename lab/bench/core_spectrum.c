/* Spectrum of one window: int16 samples on standard input, their number as argument; out: scale (log2), bins. */
#include <stdio.h>
#include <stdlib.h>

#include "vib_core.h"
#include "vib_fft.h"

int main(int argc, char **argv)
{
    uint32_t n = argc > 1 ? (uint32_t)atoi(argv[1]) : 0;
    vib_config_t config = { .rate_millihz = 3200000,
                            .window = n,
                            .hop = n,
                            .axes = 1,
                            .lsb_nm_s2 = 1000,
                            .bands = 1,
                            .band_lo_hz = 50,
                            .band_hi_hz = 1600 };
    static uint64_t memory[8192];
    static int16_t samples[VIB_MAX_WINDOW];
    vib_core_t *core;
    vib_block_t block;
    if (vib_core_init(memory, sizeof memory, &config, &core) != VIB_OK || fread(samples, 2, n, stdin) != n ||
        !vib_block_scan(core, samples, 1, &block)) {
        return 1;
    }
    vib_block_fill(core, samples, 1, &block);
    int32_t scale = (int32_t)block.spectrum_shift;
    vib_fft_t transform;
    vib_rfft_begin(&transform, core->spectrum, core->log2n);
    while (!vib_fft_step(&transform)) {
    }
    fwrite(&scale, sizeof scale, 1, stdout);
    fwrite(core->spectrum, sizeof(int32_t), n, stdout);
    return 0;
}
