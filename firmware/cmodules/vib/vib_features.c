/* From a window of counts to features. Nothing is divided by a 64-bit number: ratios are differences of logarithms. */
#include "vib_core.h"
#include "vib_fft.h"
#include "vib_math.h"

#define LOG2_2PI 173798   /* log2(2 pi), Q16 */
#define LOG2_1000 653119  /* log2(1000), Q16 */

/* Bins to powers, in place: power[k] = |X[k]|^2 for k = 1 .. window/2 - 1; power[0] is 0. */
VIB_INTERNAL void vib_powers(vib_core_t *core)
{
    vib_u64_t *power = (vib_u64_t *)(void *)core->spectrum;
    uint32_t half = core->config.window / 2;
    const vib_i32_t *z = core->spectrum;
    const vib_u64_t zero = { 0 };
    power[0] = zero;
    for (uint32_t k = 1; k < half; k++) {
        power[k] = vib_power(z + 2 * k);
    }
}

static vib_u64_t total(const vib_u64_t *power, uint32_t lo, uint32_t hi)
{
    vib_u64_t sum = { 0 };
    for (uint32_t k = lo; k < hi; k++) {
        sum = vib_add(sum, power[k]);
    }
    return sum;
}

/* Bits to shift so that a sum of powers fits 32 bits. */
static vib_u32_t excess(vib_u64_t sum)
{
    return (vib_u32_t)vib_max((vib_i32_t)vib_bits64(sum) - 32, vib_broadcast(0));
}

/* The strongest bin k and its neighbours as logarithms give a parabola; its top is the line (exact for a Gaussian
 * main lobe, near enough for Hann's). peak and offset in Q16 and 1/256 bin. */
static void interpolate(const vib_u64_t *power, vib_i32_t k, int32_t half, vib_i32_t *peak, vib_i32_t *offset)
{
    vib_i32_t inner = (k >= 2) & (k + 1 < half);
    vib_i32_t before = vib_select(inner, k - 1, k), after = vib_select(inner, k + 1, k);
    vib_i32_t a = vib_log2_64(vib_gather(power, before)), c = vib_log2_64(vib_gather(power, after));
    vib_i32_t b = vib_log2_64(vib_gather(power, k));
    vib_i32_t curve = 2 * (2 * b - a - c);
    /* not on the skirt of a stronger line beyond the range: |offset| <= 1/2 bin */
    vib_i32_t sound = inner & (a <= b) & (c <= b) & (curve > 0);
    *offset = vib_select(sound, (c - a) * 256 / vib_max(curve, vib_broadcast(1)), vib_broadcast(0));
    *peak = b + (c - a) / 4 * *offset / 256;
}

/* offset: 1/256 bin */
static vib_feature_t frequency(const vib_core_t *core, vib_i32_t k, vib_i32_t offset)
{
    vib_u32_t fine = (vib_u32_t)(k * 256 + offset);
    return vib_level(vib_log2_32(fine) - 8 * VIB_LOG2_ONE + core->log2_bin_hz);
}

/* The line in bin k of the velocity's spectrum, or beside it: a line between two bins has more velocity in the lower
 * one, more power perhaps in the upper one; one at the lowest bin may be of the bin before. */
static void velocity_line(const vib_core_t *core, const vib_u64_t *power, vib_i32_t unit, vib_i32_t k,
                          vib_feature_t *freq, vib_feature_t *level)
{
    int32_t half = (int32_t)core->config.window / 2;
    vib_i32_t peak, offset;
    k = vib_max(vib_min(k, vib_broadcast(half - 3)), vib_broadcast(3)); /* so that the neighbours have some, too */
    vib_u64_t before = vib_gather(power, k - 1), at = vib_gather(power, k), after = vib_gather(power, k + 1);
    k = vib_select(vib_over(after, at), k + 1, vib_select(vib_over(before, at), k - 1, k));
    interpolate(power, k, half, &peak, &offset);
    *freq = frequency(core, k, offset);
    vib_u64_t beside = vib_add(vib_gather(power, k - 1), vib_gather(power, k + 1));
    *level = vib_band_level(core, vib_add(beside, vib_gather(power, k)), unit);
}

/* Velocity, v = a / (2 pi f) bin by bin, and its strongest line: of most machines the shaft's. */
static void velocity(const vib_core_t *core, const vib_u64_t *power, vib_i32_t unit, vib_feature_t *out)
{
    vib_bins_t b = core->velocity;
    vib_u32_t shift = excess(total(power, b.lo, b.hi));
    vib_u64_t sum = { 0 }, most = { 0 };
    vib_i32_t top = vib_broadcast(b.lo);
    for (uint32_t k = b.lo; k < b.hi; k++) {
        uint32_t weight = 0xffffffffu / (k * k); /* 2^32 / k^2, within 0.1 % of the power up to bin 2047 */
        vib_u64_t p = vib_product(vib_narrow(power[k], shift), weight);
        sum = vib_add(sum, p);
        top = vib_select(vib_over(p, most), vib_broadcast((int32_t)k), top);
        most = vib_larger(p, most);
    }
    vib_i32_t mean_square = vib_log2_64(sum) + ((vib_i32_t)shift - 32) * VIB_LOG2_ONE + VIB_LOG2_16_3;
    int32_t to_velocity = LOG2_1000 - LOG2_2PI - core->log2_bin_hz - (int32_t)core->log2n * VIB_LOG2_ONE;
    vib_feature_t level = vib_level(mean_square / 2 + unit + to_velocity), freq, line;
    velocity_line(core, power, unit, top, &freq, &line);
    out[VIB_F_velocity_rms] = vib_select(vib_nonzero(sum), level, vib_broadcast(0));
    out[VIB_F_vline_freq] = vib_select(vib_nonzero(sum), freq, vib_broadcast(0));
    out[VIB_F_vline_level] = vib_select(vib_nonzero(sum), line, vib_broadcast(0));
}

/* Strongest line over the bands' range. */
static void line(const vib_core_t *core, const vib_u64_t *power, vib_i32_t unit, vib_feature_t *out)
{
    uint32_t lo = core->edges[0], hi = core->edges[core->config.bands];
    vib_i32_t strongest = vib_broadcast((int32_t)lo), peak, offset;
    vib_u64_t most = power[lo];
    for (uint32_t k = lo + 1; k < hi; k++) {
        strongest = vib_select(vib_over(power[k], most), vib_broadcast((int32_t)k), strongest);
        most = vib_larger(power[k], most);
    }
    interpolate(power, strongest, (int32_t)core->config.window / 2, &peak, &offset);
    out[VIB_F_line_freq] = frequency(core, strongest, offset);
    /* a sine of amplitude A stands in its bin as A N / 4; its RMS is A / sqrt 2 */
    out[VIB_F_line_level] = vib_level(peak / 2 + 3 * VIB_LOG2_ONE / 2 - (int32_t)core->log2n * VIB_LOG2_ONE + unit);
}

/* Mean frequency over the bands' range, whose powers add up to sum. */
static vib_feature_t centroid(const vib_core_t *core, const vib_u64_t *power, vib_u64_t sum)
{
    uint32_t hi = core->edges[core->config.bands];
    vib_u32_t shift = excess(sum), mass = { 0 };
    vib_u64_t moment = { 0 };
    for (uint32_t k = core->edges[0]; k < hi; k++) {
        vib_u32_t p = vib_narrow(power[k], shift);
        mass += p;
        moment = vib_add(moment, vib_product(p, k));
    }
    return vib_level(vib_log2_64(moment) - vib_log2_32(mass) + core->log2_bin_hz);
}

/* Geometric over arithmetic mean over the bands' range. The logarithm of one long product, kept as mantissa (Q32,
 * highest bit set) and exponent, costs less than a logarithm for each bin. */
static vib_feature_t flatness(const vib_core_t *core, const vib_u64_t *power, vib_u64_t sum)
{
    uint32_t lo = core->edges[0], hi = core->edges[core->config.bands];
    int32_t count = (int32_t)(hi - lo);
    vib_u32_t mantissa = (vib_u32_t)vib_broadcast(-1), exponent = { 0 };
    vib_u64_t least = vib_wide(vib_narrow(sum, (vib_u32_t)vib_broadcast(32)) + 1);
    for (uint32_t k = lo; k < hi; k++) {
        vib_u64_t p = vib_larger(power[k], least);
        vib_u32_t bits = vib_bits64(p);
        mantissa = vib_mulhu(mantissa, vib_mantissa(p, bits));
        vib_u32_t lost = 1 - (mantissa >> 31);
        mantissa <<= lost;
        exponent += bits - lost;
    }
    /* Q12, so that 2047 times 63 fit */
    vib_i32_t logs = (vib_i32_t)(exponent * 4096) + ((vib_log2_32(mantissa) - 32 * VIB_LOG2_ONE) >> 4);
    return vib_ratio((logs / count) * 16 - vib_log2_64(sum) + vib_log2_32((vib_u32_t)vib_broadcast(count)));
}

/* Levels of the bands; returns the sum of their powers. */
static vib_u64_t bands(const vib_core_t *core, const vib_u64_t *power, vib_i32_t unit, vib_feature_t *out)
{
    vib_u64_t all = { 0 };
    for (uint32_t i = 0; i < core->config.bands; i++) {
        vib_u64_t sum = total(power, core->edges[i], core->edges[i + 1]);
        out[i] = vib_band_level(core, sum, unit);
        all = vib_add(all, sum);
    }
    return all;
}

VIB_INTERNAL void vib_time_domain(const vib_core_t *core, const vib_block_t *b, vib_feature_t *out)
{
    int32_t log2n = (int32_t)core->log2n * VIB_LOG2_ONE;
    vib_i32_t unit = core->log2_lsb_um - (vib_i32_t)b->shift * VIB_LOG2_ONE;
    vib_i32_t rms = (vib_log2_64(b->sum2) - log2n) / 2, peak = vib_log2_32(b->peak);
    out[VIB_F_rms] = vib_level(rms + unit);
    out[VIB_F_peak] = vib_level(peak + unit);
    out[VIB_F_crest] = vib_level(peak - rms);
    out[VIB_F_kurtosis] = vib_level(vib_log2_64(b->sum4) + 12 * VIB_LOG2_ONE + log2n - 2 * vib_log2_64(b->sum2));
}

static const vib_u64_t *powers_of(const vib_core_t *core)
{
    return (const vib_u64_t *)(const void *)core->spectrum;
}

VIB_INTERNAL vib_u64_t vib_levels(const vib_core_t *core, vib_i32_t unit, vib_feature_t *out)
{
    const vib_u64_t *power = powers_of(core);
    vib_u64_t sum = bands(core, power, unit, out + VIB_F_COUNT);
    if (!core->config.by_angle) {
        vib_order_levels(core, power, unit, out + VIB_F_COUNT + core->config.bands + core->config.envelope_bands);
    }
    return sum;
}

VIB_INTERNAL void vib_velocity(const vib_core_t *core, vib_i32_t unit, vib_feature_t *out)
{
    velocity(core, powers_of(core), unit, out);
}

VIB_INTERNAL void vib_line(const vib_core_t *core, vib_i32_t unit, vib_u64_t sum, vib_feature_t *out)
{
    const vib_u64_t *power = powers_of(core);
    vib_i32_t present = vib_nonzero(sum);
    line(core, power, unit, out);
    out[VIB_F_centroid] = vib_select(present, centroid(core, power, sum), vib_broadcast(0));
    out[VIB_F_line_freq] = vib_select(present, out[VIB_F_line_freq], vib_broadcast(0));
    out[VIB_F_line_level] = vib_select(present, out[VIB_F_line_level], vib_broadcast(0));
}

VIB_INTERNAL void vib_flatness(const vib_core_t *core, vib_u64_t sum, vib_feature_t *out)
{
    out[VIB_F_flatness] = vib_select(vib_nonzero(sum), flatness(core, powers_of(core), sum), vib_broadcast(0));
}
