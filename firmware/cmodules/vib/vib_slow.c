/*
 * The slow path: every sample goes through integrators and combs (Hogenauer, An economical class of digital filters for
 * decimation and interpolation, IEEE Trans. ASSP 29, 1981, of third order), then through half-band filters, each of which
 * halves the rate, to a core of its own, whose window is long. A gap begins it anew.
 */
#include "vib_small.h"

#include "vib_core.h"

#include <string.h>

#define SLOWEST_MILLIHZ 48000
#define FINE_BITS 12 /* of a count between the filters */
#define SETTLING 12  /* slow samples until the filters have forgotten that there was nothing before */
#define TAP1 642915742 /* of the half-band filters, Q31 */
#define TAP3 (-128338170)
#define TAP5 22293340

uint32_t vib_slow_log2(const vib_config_t *c)
{
    uint32_t log2 = 0;
    while (c->rate_millihz >> (log2 + 1) >= SLOWEST_MILLIHZ) {
        log2++;
    }
    return log2;
}

vib_config_t vib_slow_config(const vib_config_t *c, uint32_t log2)
{
    vib_config_t slow;
    memset(&slow, 0, sizeof slow);
    slow.rate_millihz = (c->rate_millihz >> log2) * 100 + ((c->rate_millihz & ((1u << log2) - 1)) * 100 >> log2);
    slow.window = c->slow_window;
    slow.hop = c->slow_window / 2;
    slow.axes = c->axes;
    slow.lsb_nm_s2 = c->lsb_nm_s2;
    slow.bands = c->slow_bands;
    slow.band_lo_hz = 10;
    slow.band_hi_hz = 1000;
    slow.orders = c->slow_orders;
    return slow;
}

/* Of 11 taps, the middle one 1/2 and every other one 0; at most 0.0009 from 1 up to 0.11 and from 0 over 0.39 of its
 * rate. Twice the result of three products of Q31. */
static int32_t half_band(const int32_t *x)
{
    int32_t outer = vib_mulh(x[0] + x[10], TAP5) + vib_mulh(x[2] + x[8], TAP3) + vib_mulh(x[4] + x[6], TAP1);
    return 2 * outer + (x[5] >> 1);
}

/* The newest of the integrators' sums through the combs, in 2^-12 counts. */
static int32_t comb(vib_decimator_t *d, uint32_t log2)
{
    uint32_t value = d->sum[2];
    for (int i = 0; i < 3; i++) {
        uint32_t before = d->last[i];
        d->last[i] = value;
        value -= before;
    }
    uint32_t bits = 3 * log2;
    return bits > FINE_BITS ? (int32_t)value >> (bits - FINE_BITS) : (int32_t)(value << (FINE_BITS - bits));
}

static int16_t to_count(int32_t fine)
{
    int32_t count = (fine + (1 << (FINE_BITS - 1))) >> FINE_BITS;
    return (int16_t)vib_max(vib_min(count, 32767), -32768);
}

/* One axis, where a sample leaves the combs. *sample: what leaves the filters, if that does. */
static bool through(vib_slow_t *slow, vib_decimator_t *d, int16_t *sample)
{
    uint32_t log2 = slow->log2 - slow->halves;
    int32_t value = comb(d, log2);
    for (uint32_t i = 0; i < slow->halves; i++) {
        int32_t *line = d->line[i];
        memmove(line, line + 1, (VIB_TAPS_HALF - 1) * sizeof *line);
        line[VIB_TAPS_HALF - 1] = value;
        if (slow->count >> (log2 + i) & 1) {
            return false;
        }
        value = half_band(line);
    }
    *sample = to_count(value);
    return true;
}

void vib_slow_push(vib_slow_t *slow, const int16_t *frames, size_t n)
{
    vib_core_t *core = slow->core;
    uint32_t axes = core->config.axes, mask = (1u << (slow->log2 - slow->halves)) - 1;
    while (n--) {
        bool whole = false;
        slow->count++;
        for (uint32_t axis = 0; axis < axes; axis++) {
            vib_decimator_t *d = &slow->axis[axis];
            d->sum[0] += (uint32_t)*frames++;
            d->sum[1] += d->sum[0];
            d->sum[2] += d->sum[1];
            if ((slow->count & mask) == 0) {
                whole = through(slow, d, core->frames + core->held * axes + axis);
            }
        }
        if (whole && core->skip) {
            core->skip--;
        } else {
            core->held += whole && core->held + 1 < core->config.window + core->spare;
        }
    }
}

void vib_slow_gap(vib_slow_t *slow)
{
    memset(slow->axis, 0, sizeof slow->axis);
    memset(slow->features, 0, vib_feature_count(&slow->core->config) * sizeof(int16_t));
    slow->windows = slow->count = 0;
    vib_core_gap(slow->core);
    slow->core->skip = SETTLING;
}

bool vib_slow_step(vib_slow_t *slow, uint32_t work)
{
    bool done = true;
    if (vib_core_ready(slow->core)) {
        size_t n = vib_feature_count(&slow->core->config);
        (void)!vib_core_step(slow->core, slow->features, n, work, &done);
        slow->windows += done;
    }
    return done;
}

void vib_slow_features(const vib_core_t *core, int16_t *out)
{
    size_t axes = core->config.axes, each = vib_feature_count(&core->slow->core->config) / axes;
    size_t whole = vib_feature_count(&core->config) / axes;
    for (size_t axis = 0; axis < axes; axis++) {
        memcpy(out + (axis + 1) * whole - each, core->slow->features + axis * each, each * sizeof *out);
    }
}

uint32_t vib_core_slow_windows(const vib_core_t *core)
{
    return core->slow ? core->slow->windows : 0;
}
