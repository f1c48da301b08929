/* From a window of counts to features. Nothing is divided by a 64-bit number: ratios are differences of logarithms. */
#include "vib_core.h"
#include "vib_fft.h"
#include "vib_math.h"

#include <string.h>

#define LOG2_16_3 158268  /* log2(16/3), Q16: one-sided mean square of a Hann spectrum is 16/3 sum(P) / N^2 */
#define LOG2_2PI 173798   /* log2(2 pi), Q16 */
#define LOG2_1000 653119  /* log2(1000), Q16 */
#define LOG2_ONE 65536

/* Q16 logarithm to a feature: 256 steps an octave, rounded. */
static int16_t ratio(int32_t log2)
{
    int32_t v = (log2 + 128) >> 8;
    return (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
}

static int16_t level(int32_t log2)
{
    return log2 > 0 ? ratio(log2) : 0;
}

/* Bins to powers, in place: power[k] = |X[k]|^2 for k = 1 .. window/2 - 1; power[0] is 0. */
static const uint64_t *powers(vib_core_t *core)
{
    uint64_t *power = (uint64_t *)(void *)core->spectrum;
    uint32_t half = core->config.window / 2;
    const int32_t *z = core->spectrum;
    power[0] = 0;
    for (uint32_t k = 1; k < half; k++) {
        power[k] = vib_power(z + 2 * k);
    }
    return power;
}

static uint64_t total(const uint64_t *power, uint32_t lo, uint32_t hi)
{
    uint64_t sum = 0;
    for (uint32_t k = lo; k < hi; k++) {
        sum += power[k];
    }
    return sum;
}

/* Bits to shift so that a sum of powers fits 32 bits. */
static unsigned excess(uint64_t sum)
{
    unsigned bits = vib_bits64(sum);
    return bits > 32 ? bits - 32 : 0;
}

/* log2 of the RMS velocity in nm/s; unit: log2 of a spectrum count in um/s^2. v = a / (2 pi f), bin by bin. */
static int16_t velocity(const vib_core_t *core, const uint64_t *power, int32_t unit)
{
    vib_bins_t b = core->velocity;
    unsigned shift = excess(total(power, b.lo, b.hi));
    uint64_t sum = 0;
    for (uint32_t k = b.lo; k < b.hi; k++) {
        uint32_t weight = 0xffffffffu / (k * k); /* 2^32 / k^2, within 0.1 % of the power up to bin 2047 */
        sum += (uint64_t)(uint32_t)(power[k] >> shift) * weight;
    }
    if (sum == 0) {
        return 0;
    }
    int32_t mean_square = vib_log2_64(sum) + ((int32_t)shift - 32) * LOG2_ONE + LOG2_16_3;
    return level(mean_square / 2 - (int32_t)core->log2n * LOG2_ONE + unit + LOG2_1000 - LOG2_2PI - core->log2_bin_hz);
}

/* The strongest bin and its neighbours as logarithms give a parabola; its top is the line (exact for a Gaussian
 * main lobe, near enough for Hann's). peak and offset in Q16 and 1/256 bin. */
static void interpolate(const uint64_t *power, uint32_t k, uint32_t half, int32_t *peak, int32_t *offset)
{
    int32_t b = vib_log2_64(power[k]);
    *peak = b;
    *offset = 0;
    if (k < 2 || k + 1 >= half) {
        return;
    }
    int32_t a = vib_log2_64(power[k - 1]), c = vib_log2_64(power[k + 1]);
    int32_t curve = 2 * (2 * b - a - c);
    if (a <= b && c <= b && curve > 0) { /* not on the skirt of a stronger line beyond the range: |offset| <= 1/2 bin */
        *offset = (c - a) * 256 / curve;
        *peak = b + (c - a) / 4 * *offset / 256;
    }
}

/* Strongest line over the bands' range. */
static void line(const vib_core_t *core, const uint64_t *power, int32_t unit, int16_t *out)
{
    uint32_t hi = core->edges[core->config.bands], strongest = core->edges[0];
    uint64_t most = 0;
    for (uint32_t k = strongest; k < hi; k++) {
        if (power[k] > most) {
            most = power[k];
            strongest = k;
        }
    }
    int32_t peak, offset;
    interpolate(power, strongest, core->config.window / 2, &peak, &offset);
    uint32_t fine = strongest * 256 + (uint32_t)offset;
    out[VIB_F_line_freq] = level(vib_log2_32(fine) - 8 * LOG2_ONE + core->log2_bin_hz);
    /* a sine of amplitude A stands in its bin as A N / 4; its RMS is A / sqrt 2 */
    out[VIB_F_line_level] = level(peak / 2 + 3 * LOG2_ONE / 2 - (int32_t)core->log2n * LOG2_ONE + unit);
}

/* Mean frequency over the bands' range, whose powers add up to sum. */
static int16_t centroid(const vib_core_t *core, const uint64_t *power, uint64_t sum)
{
    uint32_t hi = core->edges[core->config.bands], mass = 0;
    unsigned shift = excess(sum);
    uint64_t moment = 0;
    for (uint32_t k = core->edges[0]; k < hi; k++) {
        uint32_t p = (uint32_t)(power[k] >> shift);
        mass += p;
        moment += (uint64_t)p * k;
    }
    return level(vib_log2_64(moment) - vib_log2_32(mass) + core->log2_bin_hz);
}

/* Geometric over arithmetic mean over the bands' range. The logarithm of one long product, kept as mantissa (Q32,
 * highest bit set) and exponent, costs less than a logarithm for each bin. */
static int16_t flatness(const vib_core_t *core, const uint64_t *power, uint64_t sum)
{
    uint32_t lo = core->edges[0], hi = core->edges[core->config.bands], mantissa = 0xffffffffu;
    int32_t exponent = 0, count = (int32_t)(hi - lo);
    uint64_t least = (sum >> 32) + 1;
    for (uint32_t k = lo; k < hi; k++) {
        uint64_t p = power[k] > least ? power[k] : least;
        unsigned bits = vib_bits64(p);
        mantissa = vib_mulhu(mantissa, vib_mantissa(p, bits));
        unsigned lost = 1 - (mantissa >> 31);
        mantissa <<= lost;
        exponent += (int32_t)(bits - lost);
    }
    /* Q12, so that 2047 times 63 fit */
    int32_t logs = exponent * 4096 + ((vib_log2_32(mantissa) - 32 * LOG2_ONE) >> 4);
    return ratio((logs / count) * 16 - vib_log2_64(sum) + vib_log2_32((uint32_t)count));
}

/* Levels of the bands; returns the sum of their powers. */
static uint64_t bands(const vib_core_t *core, const uint64_t *power, int32_t unit, int16_t *out)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < core->config.bands; i++) {
        uint64_t sum = total(power, core->edges[i], core->edges[i + 1]);
        int32_t mean_square = vib_log2_64(sum) + LOG2_16_3;
        out[i] = sum ? level(mean_square / 2 - (int32_t)core->log2n * LOG2_ONE + unit) : 0;
        all += sum;
    }
    return all;
}

static void time_domain(const vib_core_t *core, const vib_block_t *b, int16_t *out)
{
    int32_t log2n = (int32_t)core->log2n * LOG2_ONE;
    int32_t unit = core->log2_lsb_um - (int32_t)b->shift * LOG2_ONE;
    int32_t rms = (vib_log2_64(b->sum2) - log2n) / 2, peak = vib_log2_32(b->peak);
    out[VIB_F_rms] = level(rms + unit);
    out[VIB_F_peak] = level(peak + unit);
    out[VIB_F_crest] = level(peak - rms);
    out[VIB_F_kurtosis] = level(vib_log2_64(b->sum4) + 12 * LOG2_ONE + log2n - 2 * vib_log2_64(b->sum2));
}

static void axis_features(vib_core_t *core, const int16_t *x, int16_t *out)
{
    const vib_config_t *c = &core->config;
    vib_block_t block;
    memset(out, 0, vib_feature_count(c) / c->axes * sizeof *out);
    if (!vib_block(core, x, &block)) {
        return; /* a flat line has no spectrum: every feature is 0 */
    }
    time_domain(core, &block, out);
    vib_rfft(core->spectrum, core->log2n);
    if (c->envelope_bands) {
        vib_envelope(core, out + VIB_F_COUNT + c->bands);
    }
    const uint64_t *power = powers(core);
    int32_t unit = core->log2_lsb_um - (int32_t)block.spectrum_shift * LOG2_ONE;
    uint64_t sum = bands(core, power, unit, out + VIB_F_COUNT);
    out[VIB_F_velocity_rms] = velocity(core, power, unit);
    vib_order_levels(core, power, unit, out + VIB_F_COUNT + c->bands + c->envelope_bands);
    if (sum) {
        out[VIB_F_centroid] = centroid(core, power, sum);
        out[VIB_F_flatness] = flatness(core, power, sum);
        line(core, power, unit, out);
    }
}

int vib_core_features(vib_core_t *core, int16_t *out, size_t n)
{
    const vib_config_t *c = &core->config;
    if (n != vib_feature_count(c)) {
        return VIB_ERR_LENGTH;
    }
    if (!vib_core_ready(core)) {
        return VIB_ERR_NOT_READY;
    }
    size_t per_axis = n / c->axes;
    for (size_t axis = 0; axis < c->axes; axis++) {
        axis_features(core, core->frames + axis, out + axis * per_axis);
    }
    vib_window_advance(core);
    return VIB_OK;
}
