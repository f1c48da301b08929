/*
 * A window of one axis as a block of numbers: y = (x - mean) * 2^shift fills 16 bits whatever the level was, so that
 * every later step has the same resolution; the shift comes back as an offset in the logarithm.
 */
#include "vib_core.h"
#include "vib_math.h"

/* Mean and headroom of one axis. False: every sample is the same. */
static bool scan(const vib_core_t *core, const int16_t *x, vib_block_t *b)
{
    size_t axes = core->config.axes;
    const int16_t *end = x + core->config.window * axes;
    int32_t sum = 0, low = x[0], high = x[0];
    for (const int16_t *p = x; p < end; p += axes) {
        sum += *p;
        low = *p < low ? *p : low;
        high = *p > high ? *p : high;
    }
    int32_t mean = sum >> core->log2n;
    uint32_t span = (uint32_t)(high - mean > mean - low + 1 ? high - mean : mean - low + 1);
    b->shift = 16 - vib_bits32(span);
    b->fine_shift = b->shift + 15 - core->log2n;
    int64_t scale = (int64_t)1 << b->fine_shift;
    b->mean = (sum * scale + (1 << (core->log2n - 1))) >> core->log2n;
    int64_t up = high * scale - b->mean, down = b->mean - low * scale;
    b->peak = (uint32_t)((up > down ? up : down) >> (15 - core->log2n));
    return high != low;
}

/* The block under Hann weights into the transform's buffer, with sum(|x|) <= 2^29; and its moments. */
static void fill(vib_core_t *core, const int16_t *x, vib_block_t *b)
{
    size_t axes = core->config.axes;
    uint32_t n = core->config.window, step = VIB_TURN >> core->log2n;
    uint32_t scale = 1u << b->fine_shift, mean = (uint32_t)b->mean; /* their difference fits, though neither may */
    unsigned gain = 15 - core->log2n;
    uint64_t s2 = 0, s4 = 0;
    for (uint32_t i = 0; i < n; i++, x += axes) {
        int32_t fine = (int32_t)((uint32_t)*x * scale - mean); /* |fine| < 2^(16 + gain) <= 2^25 */
        int32_t y = fine >> gain;
        uint32_t y2 = (uint32_t)y * (uint32_t)y; /* |y| <= 2^16 - 1 */
        uint32_t q = (y2 >> 6) + ((y2 >> 5) & 1);
        int32_t hann = 0x3fffffff - (vib_cos_q31(i * step) >> 1);
        s2 += y2;
        s4 += (uint64_t)q * q;
        core->spectrum[i] = vib_mulh(fine, hann);
    }
    b->sum2 = s2;
    b->sum4 = s4;
    b->spectrum_shift = b->fine_shift - 1; /* mulh takes off 2^32, the weights are in Q31 */
}

bool vib_block(vib_core_t *core, const int16_t *x, vib_block_t *b)
{
    if (!scan(core, x, b)) {
        return false;
    }
    fill(core, x, b);
    return true;
}
