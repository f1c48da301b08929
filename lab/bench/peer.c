#include "peer.h"

#include <eml_fft.h>
#include <math.h>
#include <string.h>

#define N_MAX 1024
#define PI 3.14159265f
#define FLATNESS_FLOOR 2.3283064e-10f /* 2^-32 */
#define ENVELOPE_SCALE 1e-20f         /* keeps squares of squares in float's range; the depth is a ratio */

enum {
    RMS,
    PEAK,
    CREST,
    KURTOSIS,
    VELOCITY,
    CENTROID,
    FLATNESS,
    LINE_FREQ,
    LINE_LEVEL,
    VLINE_FREQ,
    VLINE_LEVEL,
    BAND0
};

static struct {
    const vib_config_t *config;
    uint32_t n, half;
    float bin_hz, lsb_um_s2;
    float hann[N_MAX], cosine[N_MAX / 2], sine[N_MAX / 2], envelope_cosine[N_MAX / 4], envelope_sine[N_MAX / 4];
    EmlFFT fft, envelope_fft;
    uint32_t edges[VIB_MAX_BANDS + 1], envelope_edges[VIB_MAX_ENVELOPE_BANDS + 1];
    uint32_t velocity_lo, velocity_hi, envelope_lo, envelope_hi, envelope_n;
    float velocity_weight[N_MAX / 2];
    float re[N_MAX], im[N_MAX], power[N_MAX / 2];
} p;

static void band_edges(float lo, float hi, uint32_t count, uint32_t *edges)
{
    for (uint32_t i = 0; i <= count; i++) {
        uint32_t bin = (uint32_t)ceilf(lo * powf(hi / lo, (float)i / (float)count) * 0.9999f);
        edges[i] = i > 0 && bin <= edges[i - 1] ? edges[i - 1] + 1 : bin;
    }
}

static void init_envelope(void)
{
    const vib_config_t *c = p.config;
    p.envelope_lo = (uint32_t)ceilf((float)c->envelope_lo_hz / p.bin_hz);
    p.envelope_hi = (uint32_t)ceilf((float)c->envelope_hi_hz / p.bin_hz);
    p.envelope_n = 1;
    while (p.envelope_n < 2 * (p.envelope_hi - p.envelope_lo)) {
        p.envelope_n *= 2;
    }
    band_edges(3, (float)(p.envelope_hi - p.envelope_lo), c->envelope_bands, p.envelope_edges);
    p.envelope_fft = (EmlFFT){ (int)p.envelope_n / 2, p.envelope_sine, p.envelope_cosine };
    (void)eml_fft_fill(p.envelope_fft, p.envelope_n);
}

void peer_init(const vib_config_t *c)
{
    p.config = c;
    p.n = c->window;
    p.half = p.n / 2;
    p.bin_hz = (float)c->rate_millihz / 1000 / (float)p.n;
    p.lsb_um_s2 = (float)c->lsb_nm_s2 / 1000;
    for (uint32_t i = 0; i < p.n; i++) {
        p.hann[i] = 0.5f - 0.5f * cosf(2 * PI * (float)i / (float)p.n);
    }
    p.fft = (EmlFFT){ (int)p.half, p.sine, p.cosine };
    (void)eml_fft_fill(p.fft, p.n);
    band_edges((float)c->band_lo_hz / p.bin_hz, (float)c->band_hi_hz / p.bin_hz, c->bands, p.edges);
    p.velocity_lo = (uint32_t)ceilf(10 / p.bin_hz);
    p.velocity_hi = (uint32_t)floorf(1000 / p.bin_hz) + 1;
    for (uint32_t k = p.velocity_lo; k < p.velocity_hi; k++) {
        p.velocity_weight[k] = 1 / (2 * PI * p.bin_hz * (float)k) / (2 * PI * p.bin_hz * (float)k);
    }
    if (c->envelope_bands) {
        init_envelope();
    }
}

static float level(float value)
{
    return value > 1 ? 256 * log2f(value) : 0;
}

static float total(const float *power, uint32_t lo, uint32_t hi)
{
    float sum = 0;
    for (uint32_t k = lo; k < hi; k++) {
        sum += power[k];
    }
    return sum;
}

/* Mean square acceleration, (um/s^2)^2, of bins whose powers add up to sum. */
static float mean_square(float sum)
{
    return sum * (16.0f / 3) / ((float)p.n * (float)p.n);
}

/* Moments, and the windowed samples into p.re. */
static void time_domain(const int16_t *x, float *out)
{
    uint32_t axes = p.config->axes;
    int32_t sum = 0;
    for (uint32_t i = 0; i < p.n; i++) {
        sum += x[i * axes];
    }
    float mean = (float)sum / (float)p.n, peak = 0, sum2 = 0, sum4 = 0;
    for (uint32_t i = 0; i < p.n; i++) {
        float a = ((float)x[i * axes] - mean) * p.lsb_um_s2;
        float size = fabsf(a), square = a * a;
        peak = size > peak ? size : peak;
        sum2 += square;
        sum4 += square * square;
        p.re[i] = a * p.hann[i];
    }
    float rms = sqrtf(sum2 / (float)p.n);
    out[RMS] = level(rms);
    out[PEAK] = level(peak);
    out[CREST] = level(peak / rms);
    out[KURTOSIS] = level(sum4 * (float)p.n / (sum2 * sum2));
}

/* Frequency of the line in bin top; its power's logarithm into peak. */
static float line(uint32_t top, float *peak)
{
    float a = log2f(p.power[top - 1]), b = log2f(p.power[top]), c = log2f(p.power[top + 1]);
    float offset = (c - a) / (2 * (2 * b - a - c));
    *peak = b + (c - a) / 4 * offset;
    return level(((float)top + offset) * p.bin_hz);
}

static void shape(float *out)
{
    uint32_t lo = p.edges[0], hi = p.edges[p.config->bands], top = lo;
    float sum = total(p.power, lo, hi), floor = sum * FLATNESS_FLOOR, moment = 0, logs = 0;
    for (uint32_t k = lo; k < hi; k++) {
        float power = p.power[k];
        moment += power * (float)k;
        logs += log2f(power > floor ? power : floor);
        top = power > p.power[top] ? k : top;
    }
    out[CENTROID] = level(moment / sum * p.bin_hz);
    out[FLATNESS] = 256 * (logs / (float)(hi - lo) - log2f(sum / (float)(hi - lo)));
    float peak;
    out[LINE_FREQ] = line(top, &peak);
    out[LINE_LEVEL] = 128 * peak + 256 * log2f(4 / (float)p.n * 0.70710678f);
}

static void velocity(float *out)
{
    uint32_t top = p.velocity_lo;
    float sum = 0, most = 0, peak;
    for (uint32_t k = p.velocity_lo; k < p.velocity_hi; k++) {
        float square = p.power[k] * p.velocity_weight[k];
        sum += square;
        top = square > most ? k : top;
        most = square > most ? square : most;
    }
    out[VELOCITY] = level(1000 * sqrtf(mean_square(sum)));
    top = p.power[top + 1] > p.power[top] ? top + 1 : p.power[top - 1] > p.power[top] ? top - 1 : top;
    out[VLINE_FREQ] = line(top, &peak);
    out[VLINE_LEVEL] = level(sqrtf(mean_square(total(p.power, top - 1, top + 2))));
}

/* Works in p.re and p.im, whose bins are not needed after it. */
static void envelope(float *out)
{
    uint32_t wide = p.envelope_hi - p.envelope_lo, n = p.envelope_n;
    memmove(p.re, p.re + p.envelope_lo, wide * sizeof(float));
    memmove(p.im, p.im + p.envelope_lo, wide * sizeof(float));
    memset(p.re + wide, 0, (n - wide) * sizeof(float));
    memset(p.im + wide, 0, (n - wide) * sizeof(float));
    (void)eml_fft_forward(p.envelope_fft, p.re, p.im, n);
    for (uint32_t i = 0; i < n; i++) {
        p.re[i] = (p.re[i] * p.re[i] + p.im[i] * p.im[i]) * ENVELOPE_SCALE;
    }
    memset(p.im, 0, n * sizeof(float));
    (void)eml_fft_forward(p.envelope_fft, p.re, p.im, n);
    for (uint32_t i = 0; i < p.config->envelope_bands; i++) {
        float sum = 0;
        for (uint32_t k = p.envelope_edges[i]; k < p.envelope_edges[i + 1]; k++) {
            sum += p.re[k] * p.re[k] + p.im[k] * p.im[k];
        }
        out[i] = level(2 * sqrtf(sum) / p.re[0] * 1048576);
    }
}

void peer_fft(void)
{
    (void)eml_fft_forward(p.fft, p.re, p.im, p.n);
}

static void axis_features(const int16_t *x, float *out)
{
    time_domain(x, out);
    memset(p.im, 0, p.n * sizeof(float));
    peer_fft();
    for (uint32_t k = 1; k < p.half; k++) {
        p.power[k] = p.re[k] * p.re[k] + p.im[k] * p.im[k];
    }
    velocity(out);
    shape(out);
    for (uint32_t i = 0; i < p.config->bands; i++) {
        out[BAND0 + i] = level(sqrtf(mean_square(total(p.power, p.edges[i], p.edges[i + 1]))));
    }
    if (p.config->envelope_bands) {
        envelope(out + BAND0 + p.config->bands);
    }
}

void peer_features(const int16_t *frames, float *out)
{
    uint32_t per_axis = (uint32_t)vib_feature_count(p.config) / p.config->axes;
    for (uint32_t axis = 0; axis < p.config->axes; axis++) {
        axis_features(frames + axis, out + axis * per_axis);
    }
}
