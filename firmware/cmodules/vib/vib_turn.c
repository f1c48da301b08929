/*
 * Computed order tracking: samples at even angles of a shaft whose speed moves within the window, as many as there were
 * samples at even times (Fyfe and Munck, Analysis of computed order tracking, Mech. Syst. Signal Process. 11, 1997). Then
 * a bin is rate/window at the mean speed, as elsewhere, and lines of the shaft's orders are narrow however it moves.
 * A point between samples is the sum of eight of them under a Kaiser-windowed sinc (SPEC.md 1.2).
 */
#include "vib_core.h"
#include "vib_math.h"

#define TAPS 8
#define HELD_ON 4 /* samples that are held beyond the one at or before the point */
#define RATIO_BITS 30 /* of the course */
#define ANGLE_BITS 28
#define KERNEL_STEPS 32 /* from sample to sample */

#if defined(__GNUC__)
#define APART __attribute__((noinline)) /* it is called twice and large */
#else
#define APART
#endif

/* What is resampled: one of the two. */
typedef struct {
    const int16_t *x; /* samples, each times 2^shift less the mean; 0 beyond the window */
    uint32_t stride, shift, mean;
    const int32_t *z; /* an envelope, which goes round, with time reversed */
    uint32_t n;
} signal_t;

/* The input samples around a point; each twice, so that TAPS of them always lie in a row. */
typedef struct {
    int32_t held[2 * TAPS];
    uint32_t next; /* to be held */
} taps_t;

static int32_t fetch(const signal_t *s, uint32_t i)
{
    if (s->z) {
        return s->z[-i & (s->n - 1)];
    }
    return i < s->n ? (int32_t)(((uint32_t)s->x[i * s->stride] << s->shift) - s->mean) : 0;
}

APART static void hold(taps_t *t, const signal_t *s)
{
    uint32_t slot = t->next % TAPS;
    t->held[slot] = t->held[slot + TAPS] = fetch(s, t->next);
    t->next++;
}

/* Half the signal at a point `fraction` (Q15) behind the fourth of those held. The kernel, between two of its values, is
 * lerped in the sums. */
static inline int32_t between(const taps_t *t, uint32_t fraction)
{
    const int32_t *x = &t->held[t->next % TAPS];
    const int16_t *before = vib_kernel + (fraction >> 10), *after = vib_kernel + KERNEL_STEPS - (fraction >> 10);
    int32_t here = 0, there = 0;
    for (uint32_t i = 0; i < TAPS / 2; i++, before += KERNEL_STEPS, after += KERNEL_STEPS) {
        int32_t left = x[TAPS / 2 - 1 - i], right = x[TAPS / 2 + i];
        here += vib_mulh(left, before[0] * 65536) + vib_mulh(right, after[0] * 65536);
        there += vib_mulh(left, before[1] * 65536) + vib_mulh(right, after[-1] * 65536);
    }
    return here + vib_mulh(2 * (there - here), (int32_t)((fraction & 1023) << 21));
}

/* n = 2^log2n points at even angles, each half of the signal there. Angles are in Q28; the next sample is `left` from
 * the point. */
static void resample(const vib_core_t *core, const signal_t *s, unsigned log2n, int32_t *out)
{
    unsigned part = log2n - core->course_log2; /* log2 of the samples between two speeds */
    const uint32_t *speed = core->course;
    taps_t taps = { .next = (uint32_t)-(TAPS - 1 - HELD_ON) };
    int64_t change = 0; /* of `way` from sample to sample */
    uint64_t way = 0;   /* from one sample to the next, Q60 */
    int32_t left = 0, whole = 0;
    uint32_t sample = 0;
    while (taps.next != HELD_ON) {
        hold(&taps, s);
    }
    for (uint32_t k = 0; k < s->n; k++) {
        while (left <= 0) {
            if ((sample++ & ((1u << part) - 1)) == 0) {
                change = (int64_t)(int32_t)(speed[1] - speed[0]) * (int32_t)(1u << (RATIO_BITS - part));
                way = ((uint64_t)*speed++ << RATIO_BITS) + (uint64_t)(change / 2);
            }
            hold(&taps, s);
            whole = (int32_t)(way >> 32);
            way += (uint64_t)change;
            left += whole;
        }
        out[k] = between(&taps, ((uint32_t)(whole - left) >> 13 << 15) / (((uint32_t)whole >> 13) + 1)); /* under 1 */
        left -= 1 << ANGLE_BITS;
    }
}

void vib_turn(vib_core_t *core, const int16_t *x, uint32_t stride, const vib_block_t *b)
{
    const signal_t s = { x, stride, b->fine_shift, b->mean, NULL, core->config.window };
    int32_t *out = core->spectrum;
    uint32_t step = VIB_TURN >> core->log2n;
    resample(core, &s, core->log2n, out);
    for (uint32_t i = 0; i < s.n; i++) { /* under Hann's weights, as the block was */
        uint32_t from_end = i <= s.n / 2 ? i : s.n - i;
        out[i] = vib_mulh(out[i], 0x3fffffff - (vib_angle(from_end * step).cos >> 1));
    }
}

void vib_turn_envelope(vib_core_t *core)
{
    const signal_t s = { NULL, 0, 0, 0, core->demodulated, 1u << core->envelope_log2n };
    resample(core, &s, core->envelope_log2n, core->demodulated + s.n);
}
