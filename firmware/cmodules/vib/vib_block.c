/*
 * A window of one axis as a block of numbers: y = (x - mean) * 2^shift fills 16 bits whatever the level was, so that
 * every later step has the same resolution; the shift comes back as an offset in the logarithm.
 */
#include "vib_core.h"
#include "vib_math.h"

#define HALF_Q31 0x3fffffff

/* sum * 2^shift / 2^log2n, rounded, modulo 2^32. */
static vib_u32_t scaled_mean(vib_i32_t sum, vib_u32_t shift, unsigned log2n)
{
    vib_i32_t spare = (vib_i32_t)(shift - log2n);
    vib_u32_t left = shift - log2n, right = log2n - shift, half = (vib_u32_t)vib_broadcast(1) << ((right - 1) & 31);
    vib_i32_t exact = (vib_i32_t)((vib_u32_t)sum << (left & 31));
    return (vib_u32_t)vib_select(spare >= 0, exact, (vib_i32_t)((vib_u32_t)sum + half) >> (right & 31));
}

/* Mean and headroom of one axis. Where every sample is the same, the answer is false. */
VIB_INTERNAL vib_i32_t vib_block_scan(const vib_core_t *core, const vib_sample_t *x, uint32_t stride, vib_block_t *b)
{
    const vib_sample_t *end = x + core->config.window * stride;
    vib_i32_t sum = { 0 }, low = x[0], high = x[0];
    for (const vib_sample_t *p = x; p < end; p += stride) {
        sum += *p;
        low = vib_min(low, *p);
        high = vib_max(high, *p);
    }
    vib_i32_t mean = sum >> core->log2n;
    b->shift = 16 - vib_bits32((vib_u32_t)vib_max(high - mean, mean - low + 1));
    b->fine_shift = b->shift + (15 - core->log2n);
    b->mean = scaled_mean(sum, b->fine_shift, core->log2n);
    vib_u32_t up = ((vib_u32_t)high << b->fine_shift) - b->mean, down = b->mean - ((vib_u32_t)low << b->fine_shift);
    b->peak = (vib_u32_t)vib_max((vib_i32_t)up, (vib_i32_t)down) >> (15 - core->log2n);
    return high != low;
}

typedef struct {
    vib_u32_t shift, mean; /* the difference of x * 2^shift and mean fits 32 bits, though neither may */
    unsigned gain;
    vib_u64_t sum2, sum4;
} filling_t;

/* One sample under its weight (Q31), and into the moments. */
static inline vib_i32_t weigh(filling_t *f, vib_sample_t x, int32_t weight)
{
    vib_i32_t fine = (vib_i32_t)(((vib_u32_t)x << f->shift) - f->mean); /* |fine| < 2^(16 + gain) <= 2^25 */
    vib_i32_t y = fine >> f->gain;
    vib_u32_t y2 = (vib_u32_t)y * (vib_u32_t)y; /* |y| <= 2^16 - 1 */
    vib_u32_t q = (y2 + 32) >> 6;
    f->sum2 = vib_add(f->sum2, vib_wide(y2));
    f->sum4 = vib_add(f->sum4, vib_square(q));
    return vib_mulh(fine, weight);
}

/* The block under Hann weights, (1 - cos) / 2, into the transform's buffer, with sum(|x|) <= 2^29; and its moments.
 * The four quarters of the window go together: one angle's cosine and sine are the cosines of all. */
VIB_INTERNAL void vib_block_fill(vib_core_t *core, const vib_sample_t *x, uint32_t stride, vib_block_t *b)
{
    uint32_t quarter = core->config.window / 4, step = VIB_TURN >> core->log2n;
    vib_i32_t *out = core->spectrum;
    filling_t f = { .shift = b->fine_shift, .mean = b->mean, .gain = 15 - core->log2n };
    for (uint32_t i = 0; i < quarter; i++, x += stride) {
        vib_angle_t angle = vib_acute_angle(i * step);
        int32_t c = angle.cos >> 1, s = angle.sin >> 1;
        out[i] = weigh(&f, x[0], HALF_Q31 - c);
        out[quarter + i] = weigh(&f, x[quarter * stride], HALF_Q31 + s);
        out[2 * quarter + i] = weigh(&f, x[2 * quarter * stride], HALF_Q31 + c);
        out[3 * quarter + i] = weigh(&f, x[3 * quarter * stride], HALF_Q31 - s);
    }
    b->sum2 = f.sum2;
    b->sum4 = f.sum4;
    b->spectrum_shift = b->fine_shift - 1; /* mulh takes off 2^32, the weights are in Q31 */
}
