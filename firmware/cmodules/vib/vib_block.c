/*
 * A window of one axis as a block of numbers: y = (x - mean) * 2^shift fills 16 bits whatever the level was, so that
 * every later step has the same resolution; the shift comes back as an offset in the logarithm.
 */
#include "vib_core.h"
#include "vib_math.h"

#define HALF_Q31 0x3fffffff

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

typedef struct {
    uint32_t scale, mean; /* the difference of x * scale and mean fits 32 bits, though neither may */
    unsigned gain;
    uint64_t sum2, sum4;
} filling_t;

/* One sample under its weight (Q31), and into the moments. */
static inline int32_t weigh(filling_t *f, int16_t x, int32_t weight)
{
    int32_t fine = (int32_t)((uint32_t)x * f->scale - f->mean); /* |fine| < 2^(16 + gain) <= 2^25 */
    int32_t y = fine >> f->gain;
    uint32_t y2 = (uint32_t)y * (uint32_t)y; /* |y| <= 2^16 - 1 */
    uint32_t q = (y2 + 32) >> 6;
    f->sum2 += y2;
    f->sum4 += (uint64_t)q * q;
    return vib_mulh(fine, weight);
}

/* The block under Hann weights, (1 - cos) / 2, into the transform's buffer, with sum(|x|) <= 2^29; and its moments.
 * The four quarters of the window go together: one angle's cosine and sine are the cosines of all. */
static void fill(vib_core_t *core, const int16_t *x, vib_block_t *b)
{
    uint32_t quarter = core->config.window / 4, step = VIB_TURN >> core->log2n;
    size_t axes = core->config.axes;
    int32_t *out = core->spectrum;
    filling_t f = { 1u << b->fine_shift, (uint32_t)b->mean, 15 - core->log2n, 0, 0 };
    for (uint32_t i = 0; i < quarter; i++, x += axes) {
        vib_angle_t angle = vib_acute_angle(i * step);
        int32_t c = angle.cos >> 1, s = angle.sin >> 1;
        out[i] = weigh(&f, x[0], HALF_Q31 - c);
        out[quarter + i] = weigh(&f, x[quarter * axes], HALF_Q31 + s);
        out[2 * quarter + i] = weigh(&f, x[2 * quarter * axes], HALF_Q31 + c);
        out[3 * quarter + i] = weigh(&f, x[3 * quarter * axes], HALF_Q31 - s);
    }
    b->sum2 = f.sum2;
    b->sum4 = f.sum4;
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
