/*
 * Squared envelope of a pass band: its bins, moved to zero frequency, are transformed back to a short complex signal
 * whose squared magnitude is the squared envelope (Randall, Vibration-based Condition Monitoring, 2011, 5.5); one
 * more transform gives that envelope's spectrum. The bin spacing stays the window's. Bins 0 to 2 hold the mean as
 * the Hann window spreads it, so the bands begin at bin 3.
 */
#include "vib_core.h"
#include "vib_fft.h"
#include "vib_math.h"

#include <string.h>

static uint64_t absolute(int32_t v)
{
    return (uint64_t)(v < 0 ? -(int64_t)v : v);
}

/* The pass band's bins to the front of the buffer, zeros behind, scaled for the transform. False: all are zero. */
static bool demodulate(vib_core_t *core)
{
    uint32_t wide = (uint32_t)(core->envelope.hi - core->envelope.lo), points = 1u << core->envelope_log2n;
    const int32_t *bin = core->spectrum + 2 * core->envelope.lo;
    int32_t *z = core->demodulated;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < 2 * wide; i++) {
        sum += absolute(bin[i]);
    }
    unsigned bits = vib_bits64(sum); /* to be 26, so that square()'s sum over 2048 points stays under 2^63 */
    unsigned left = bits < 26 ? 26 - bits : 0, right = bits > 26 ? bits - 26 : 0;
    for (uint32_t i = 0; i < 2 * wide; i++) {
        z[i] = (int32_t)((uint32_t)bin[i] << left) >> right;
    }
    memset(z + 2 * wide, 0, 2 * (points - wide) * sizeof *z);
    return sum != 0;
}

/* Complex signal to its squared magnitude, real, scaled for the transform. Forward instead of inverse only turns
 * time round, which no magnitude of the envelope's spectrum sees. */
static void square(vib_core_t *core)
{
    int32_t *z = core->demodulated;
    uint64_t *e = (uint64_t *)(void *)z;
    uint32_t points = 1u << core->envelope_log2n;
    uint64_t sum = 0;
    vib_cfft(z, core->envelope_log2n);
    for (uint32_t i = 0; i < points; i++) {
        e[i] = vib_power(z + 2 * i);
        sum += e[i];
    }
    unsigned bits = vib_bits64(sum); /* to be 26, so that 1024 bins' powers add up under 2^63 */
    unsigned left = bits < 26 ? 26 - bits : 0, right = bits > 26 ? bits - 26 : 0;
    for (uint32_t i = 0; i < points; i++) {
        z[i] = (int32_t)((uint32_t)(e[i] >> right) << left);
    }
}

void vib_envelope(vib_core_t *core, int16_t *out)
{
    if (!demodulate(core)) {
        return;
    }
    square(core);
    const int32_t *z = core->demodulated;
    vib_rfft(core->demodulated, core->envelope_log2n);
    int32_t mean = vib_log2_32((uint32_t)z[0]);
    for (uint32_t i = 0; i < core->config.envelope_bands; i++) {
        uint64_t sum = 0;
        for (uint32_t k = core->envelope_edges[i]; k < core->envelope_edges[i + 1]; k++) {
            sum += vib_power(z + 2 * k);
        }
        /* amplitude of a modulation at this bin is 2 |E| / E0; 0 where nothing stands over 2^-20 of the mean */
        int32_t depth = vib_log2_64(sum) / 2 + 65536 - mean + (20 << 16);
        out[i] = (int16_t)(sum && depth > 0 ? (depth + 128) >> 8 : 0);
    }
    if (vib_has_bearing(&core->config)) {
        vib_bearing_depths(core, z, mean, out + core->config.envelope_bands + core->config.orders);
    }
}
