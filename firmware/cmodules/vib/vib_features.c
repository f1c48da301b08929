/*
 * From a window of counts to features. Each axis is first made a block of numbers y = (x - mean) * 2^shift that fills
 * 16 bits whatever the level was, so that every later step has the same resolution; the shift comes back as an
 * offset in the logarithm. Nothing is divided by a 64-bit number: ratios are differences of logarithms.
 */
#include "vib_core.h"
#include "vib_fft.h"
#include "vib_math.h"

#include <string.h>

#define LOG2_16_3 158268  /* log2(16/3), Q16: one-sided mean square of a Hann spectrum is 16/3 sum(P) / N^2 */
#define LOG2_2PI 173798   /* log2(2 pi), Q16 */
#define LOG2_1000 653119  /* log2(1000), Q16 */
#define LOG2_ONE 65536

typedef struct {
    int32_t mean;      /* of x, times 2^shift */
    unsigned shift;
    uint32_t peak;     /* largest |y|, under 2^16 */
} block_t;

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

/* Mean and headroom of one axis. False: every sample is the same. */
static bool scan(const vib_core_t *core, const int16_t *x, block_t *b)
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
    int32_t scale = 1 << b->shift;
    b->mean = (int32_t)(((int64_t)sum * scale + (1 << (core->log2n - 1))) >> core->log2n);
    uint32_t up = (uint32_t)(high * scale - b->mean), down = (uint32_t)(b->mean - low * scale);
    b->peak = up > down ? up : down;
    return high != low;
}

/* Hann weights in Q31, and the block into the transform's buffer with sum(|x|) <= 2^29. Sums y^2 and y^4. */
static void fill(vib_core_t *core, const int16_t *x, const block_t *b, uint64_t *sum2, uint64_t *sum4)
{
    size_t axes = core->config.axes;
    uint32_t n = core->config.window, step = VIB_TURN >> core->log2n;
    int32_t scale = 1 << b->shift;
    int32_t gain = 1 << (15 - core->log2n); /* twice the result's 2^(14 - log2n): mulh takes off 2^32, Q31 is 2^31 */
    uint64_t s2 = 0, s4 = 0;
    for (uint32_t i = 0; i < n; i++, x += axes) {
        int32_t y = *x * scale - b->mean;
        uint32_t y2 = (uint32_t)y * (uint32_t)y; /* |y| < 2^16 */
        uint32_t q = (y2 >> 6) + ((y2 >> 5) & 1);
        int32_t hann = 0x3fffffff - (vib_cos_q31(i * step) >> 1);
        s2 += y2;
        s4 += (uint64_t)q * q;
        core->spectrum[i] = vib_mulh(y * gain, hann);
    }
    *sum2 = s2;
    *sum4 = s4;
}

/* Bins to powers, in place: power[k] = |X[k]|^2 for k = 1 .. window/2 - 1; power[0] is 0. */
static const uint64_t *powers(vib_core_t *core)
{
    uint64_t *power = (uint64_t *)(void *)core->spectrum;
    uint32_t half = core->config.window / 2;
    const int32_t *z = core->spectrum;
    power[0] = 0;
    for (uint32_t k = 1; k < half; k++) {
        int64_t re = z[2 * k], im = z[2 * k + 1];
        power[k] = (uint64_t)(re * re) + (uint64_t)(im * im);
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
        uint32_t square = k * k;
        uint32_t weight = 0xffffffffu / square; /* 2^32 / k^2, rounded */
        weight += (0xffffffffu - weight * square) >= square / 2 && square > 1;
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
    if (curve > 0) {
        *offset = (c - a) * 256 / curve;
        *peak = b + (c - a) / 4 * *offset / 256;
    }
}

/* Centroid, flatness and strongest line over the bands' range. */
static void shape(const vib_core_t *core, const uint64_t *power, uint64_t sum, int32_t unit, int16_t *out)
{
    uint32_t lo = core->edges[0], hi = core->edges[core->config.bands], strongest = lo;
    unsigned shift = excess(sum);
    uint64_t moment = 0, mass = 0;
    int32_t logs = 0;
    for (uint32_t k = lo; k < hi; k++) {
        uint32_t p = (uint32_t)(power[k] >> shift);
        mass += p;
        moment += (uint64_t)p * k;
        logs += vib_log2_32(p) >> 4; /* Q12: 2047 of them fit; a bin under 2^-32 of the total counts as that */
        strongest = power[k] > power[strongest] ? k : strongest;
    }
    out[VIB_F_centroid] = level(vib_log2_64(moment) - vib_log2_64(mass) + core->log2_bin_hz);
    int32_t count = (int32_t)(hi - lo);
    out[VIB_F_flatness] = ratio((logs / count) * 16 - vib_log2_64(mass) + vib_log2_32((uint32_t)count));

    int32_t peak, offset;
    interpolate(power, strongest, core->config.window / 2, &peak, &offset);
    uint32_t fine = strongest * 256 + (uint32_t)offset;
    out[VIB_F_line_freq] = level(vib_log2_32(fine) - 8 * LOG2_ONE + core->log2_bin_hz);
    /* a sine of amplitude A stands in its bin as A N / 4; its RMS is A / sqrt 2 */
    out[VIB_F_line_level] = level(peak / 2 + 3 * LOG2_ONE / 2 - (int32_t)core->log2n * LOG2_ONE + unit);
}

static void bands(const vib_core_t *core, const uint64_t *power, int32_t unit, int16_t *out)
{
    for (uint32_t i = 0; i < core->config.bands; i++) {
        uint64_t sum = total(power, core->edges[i], core->edges[i + 1]);
        int32_t mean_square = vib_log2_64(sum) + LOG2_16_3;
        out[i] = sum ? level(mean_square / 2 - (int32_t)core->log2n * LOG2_ONE + unit) : 0;
    }
}

static void time_domain(const vib_core_t *core, const block_t *b, uint64_t sum2, uint64_t sum4, int16_t *out)
{
    int32_t log2n = (int32_t)core->log2n * LOG2_ONE;
    int32_t unit = core->log2_lsb_um - (int32_t)b->shift * LOG2_ONE;
    int32_t rms = (vib_log2_64(sum2) - log2n) / 2, peak = vib_log2_32(b->peak);
    out[VIB_F_rms] = level(rms + unit);
    out[VIB_F_peak] = level(peak + unit);
    out[VIB_F_crest] = level(peak - rms);
    /* fill() summed (y^2 / 64)^2 */
    out[VIB_F_kurtosis] = level(vib_log2_64(sum4) + 12 * LOG2_ONE + log2n - 2 * vib_log2_64(sum2));
}

static void axis_features(vib_core_t *core, const int16_t *x, int16_t *out)
{
    const vib_config_t *c = &core->config;
    block_t block;
    uint64_t sum2, sum4;
    memset(out, 0, (VIB_F_COUNT + c->bands + c->envelope_bands) * sizeof *out);
    if (!scan(core, x, &block)) {
        return; /* a flat line has no spectrum: every feature is 0 */
    }
    fill(core, x, &block, &sum2, &sum4);
    time_domain(core, &block, sum2, sum4, out);
    vib_rfft(core->spectrum, core->log2n);
    if (c->envelope_bands) {
        vib_envelope(core, out + VIB_F_COUNT + c->bands);
    }
    const uint64_t *power = powers(core);
    int32_t unit = core->log2_lsb_um - (int32_t)(block.shift + 14 - core->log2n) * LOG2_ONE;
    uint64_t sum = total(power, core->edges[0], core->edges[c->bands]);
    out[VIB_F_velocity_rms] = velocity(core, power, unit);
    if (sum) {
        shape(core, power, sum, unit, out);
    }
    bands(core, power, unit, out + VIB_F_COUNT);
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
