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

#define SUM_BITS 26 /* of what is transformed: then 2048 squares, and 1024 bins' powers, add up under 2^63 */

/* What brings a sum to SUM_BITS: a shift to the left, or one to the right. */
typedef struct {
    vib_u32_t left, right;
} scaling_t;

static scaling_t scaling(vib_u64_t sum)
{
    vib_i32_t more = SUM_BITS - (vib_i32_t)vib_bits64(sum);
    scaling_t s = { (vib_u32_t)vib_max(more, vib_broadcast(0)), (vib_u32_t)vib_max(-more, vib_broadcast(0)) };
    return s;
}

/* The pass band's bins to the front of the buffer, zeros behind, scaled for the transform. */
VIB_INTERNAL void vib_demodulate(vib_core_t *core)
{
    uint32_t wide = (uint32_t)(core->envelope.hi - core->envelope.lo), points = 1u << core->envelope_log2n;
    const vib_i32_t *bin = core->spectrum + 2 * core->envelope.lo;
    vib_i32_t *z = core->demodulated;
    vib_u64_t sum = { 0 };
    for (uint32_t i = 0; i < 2 * wide; i++) {
        sum = vib_add(sum, vib_wide((vib_u32_t)vib_max(bin[i], -bin[i])));
    }
    scaling_t s = scaling(sum);
    for (uint32_t i = 0; i < 2 * wide; i++) {
        z[i] = (vib_i32_t)((vib_u32_t)bin[i] << s.left) >> s.right;
    }
    memset(z + 2 * wide, 0, 2 * (points - wide) * sizeof *z);
}

/* Complex signal to its squared magnitude, real, scaled for the transform. Forward instead of inverse only turns
 * time round, which no magnitude of the envelope's spectrum sees. */
VIB_INTERNAL void vib_squared_magnitude(vib_core_t *core)
{
    vib_i32_t *z = core->demodulated;
    vib_u64_t *e = (vib_u64_t *)(void *)z;
    uint32_t points = 1u << core->envelope_log2n;
    vib_u64_t sum = { 0 };
    for (uint32_t i = 0; i < points; i++) {
        e[i] = vib_power(z + 2 * i);
        sum = vib_add(sum, e[i]);
    }
    scaling_t s = scaling(sum);
    for (uint32_t i = 0; i < points; i++) {
        z[i] = (vib_i32_t)(vib_narrow(e[i], s.right) << s.left);
    }
}

/* The amplitude of a modulation at a bin is 2 |E| / E0; 0 where nothing stands over 2^-20 of the mean. */
VIB_INTERNAL vib_feature_t vib_depth(vib_u64_t sum, vib_i32_t mean)
{
    vib_i32_t log2 = vib_log2_64(sum) / 2 + 21 * VIB_LOG2_ONE - mean;
    return vib_level(vib_select(vib_nonzero(sum), log2, vib_broadcast(0)));
}

VIB_INTERNAL void vib_modulation(const vib_core_t *core, vib_feature_t *out)
{
    const vib_i32_t *z = core->demodulated;
    vib_i32_t mean = vib_log2_32((vib_u32_t)z[0]);
    for (uint32_t i = 0; i < core->config.envelope_bands; i++) {
        vib_u64_t sum = { 0 };
        for (uint32_t k = core->envelope_edges[i]; k < core->envelope_edges[i + 1]; k++) {
            sum = vib_add(sum, vib_power(z + 2 * k));
        }
        out[i] = vib_depth(sum, mean);
    }
    if (vib_has_bearing(&core->config) && !core->config.by_angle) {
        vib_bearing_lines(core, z, mean, out + core->config.envelope_bands + core->config.orders);
    }
}
