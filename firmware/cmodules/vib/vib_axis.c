/*
 * The features of one axis in steps, each a pass or two over the data: a FIFO can be read between two of them. What a
 * step leaves for the next stands in core->spectrum and core->demodulated, and in the vib_axis_t.
 */
#include "vib_small.h"

#include "vib_core.h"
#include "vib_math.h"

enum {
    STEP_SCAN,
    STEP_FILL,
    STEP_SPECTRUM,
    STEP_DEMODULATE,
    STEP_BACK, /* to a complex signal */
    STEP_SQUARE,
    STEP_TURN_ENVELOPE, /* by the shaft's angle */
    STEP_ENVELOPE, /* the envelope's spectrum */
    STEP_MODULATION,
    STEP_TURNED_ENVELOPE, /* and of the one by angle */
    STEP_TURNED_MODULATION,
    STEP_POWERS,
    STEP_LEVELS,
    STEP_VELOCITY,
    STEP_LINE,
    STEP_FLATNESS,
    STEP_TURN, /* the samples by the shaft's angle; then as above */
    STEP_TURNED_SPECTRUM,
    STEP_TURNED_POWERS,
    STEP_TURNED_LEVELS,
    STEP_DONE
};

/* Sets of steps, a bit each. */
#define FROM_TO(first, last) ((2u << (last)) - (1u << (first)))
#define TURNS_ENVELOPE (1u << STEP_TURN_ENVELOPE | FROM_TO(STEP_TURNED_ENVELOPE, STEP_TURNED_MODULATION))
#define OF_ENVELOPE FROM_TO(STEP_DEMODULATE, STEP_TURNED_MODULATION)
#define BY_ANGLE (TURNS_ENVELOPE | FROM_TO(STEP_TURN, STEP_TURNED_LEVELS))
#define TRANSFORMS \
    (1u << STEP_SPECTRUM | 1u << STEP_BACK | 1u << STEP_ENVELOPE | 1u << STEP_TURNED_ENVELOPE | \
     1u << STEP_TURNED_SPECTRUM)

static bool is_of(uint32_t set, unsigned step)
{
    return set >> step & 1;
}

static unsigned next(const vib_config_t *c, unsigned step)
{
    uint32_t left_out = (c->envelope_bands ? 0 : OF_ENVELOPE) | (c->by_angle ? 0 : BY_ANGLE) |
                        (c->order_envelope_bands || vib_has_bearing(c) ? 0 : TURNS_ENVELOPE);
    do {
        step++;
    } while (is_of(left_out, step));
    return step;
}

#ifndef VIB_LANES /* a batch has no FIFO to read meanwhile */

/* Instructions that a step takes a point, on RV32IMC, rounded up: of a window's points, those of a transform, or those
 * of the envelope's. */
static const uint8_t COST[STEP_DONE] = {
    [STEP_SCAN] = 10,
    [STEP_FILL] = 30,
    [STEP_SPECTRUM] = 24,
    [STEP_DEMODULATE] = 30,
    [STEP_BACK] = 24,
    [STEP_SQUARE] = 60,
    [STEP_ENVELOPE] = 24,
    [STEP_MODULATION] = 20,
    [STEP_POWERS] = 12,
    [STEP_LEVELS] = 14,
    [STEP_VELOCITY] = 20,
    [STEP_LINE] = 30,
    [STEP_FLATNESS] = 30,
    [STEP_TURN_ENVELOPE] = 150,
    [STEP_TURNED_ENVELOPE] = 24,
    [STEP_TURNED_MODULATION] = 20,
    [STEP_TURN] = 170,
    [STEP_TURNED_SPECTRUM] = 24,
    [STEP_TURNED_POWERS] = 12,
    [STEP_TURNED_LEVELS] = 10,
};

VIB_INTERNAL uint32_t vib_axis_cost(const vib_core_t *core, const vib_axis_t *a)
{
    return (uint32_t)COST[a->step] << (is_of(OF_ENVELOPE, a->step) ? core->envelope_log2n : core->log2n);
}

#endif

VIB_INTERNAL void vib_axis_begin(vib_axis_t *a, const vib_sample_t *x, uint32_t stride, vib_feature_t *out)
{
    const vib_axis_t fresh = { .x = x, .stride = stride, .out = out, .step = STEP_SCAN };
    *a = fresh;
}

/* A flat line has neither moments nor a spectrum. */
static void leave_out_flat(const vib_core_t *core, const vib_axis_t *a)
{
    size_t n = vib_feature_count(&core->config) / core->config.axes;
    for (size_t i = 0; i < n; i++) {
        a->out[i] = vib_select(a->differ, a->out[i], vib_broadcast(0));
    }
}

/* The steps that fill core->spectrum. */
static void to_spectrum(vib_core_t *core, vib_axis_t *a)
{
    if (a->step == STEP_SCAN) {
        a->differ = vib_block_scan(core, a->x, a->stride, &a->block);
    } else {
        vib_block_fill(core, a->x, a->stride, &a->block);
        vib_time_domain(core, &a->block, a->out);
        vib_rfft_begin(&a->fft, core->spectrum, core->log2n);
    }
}

/* The steps of the envelope that are no transform. */
static void to_modulation(vib_core_t *core, vib_axis_t *a)
{
    if (a->step == STEP_DEMODULATE) {
        vib_demodulate(core);
        vib_cfft_begin(&a->fft, core->demodulated, core->envelope_log2n);
    } else if (a->step == STEP_SQUARE) {
        vib_squared_magnitude(core);
        vib_rfft_begin(&a->fft, core->demodulated, core->envelope_log2n);
    } else {
        vib_modulation(core, a->out + VIB_F_COUNT + core->config.bands);
        vib_rfft_begin(&a->fft, core->demodulated + (1u << core->envelope_log2n), core->envelope_log2n);
    }
}

/* The steps by angle that are no transform, and no powers. */
static void turned(vib_core_t *core, vib_axis_t *a)
{
#ifdef VIB_LANES /* windows that may turn at different speeds go one after another */
    (void)core;
    (void)a;
#else
    if (a->step == STEP_TURN_ENVELOPE) {
        vib_turn_envelope(core);
    } else if (a->step == STEP_TURNED_MODULATION) {
        vib_turned_modulation(core, a->out);
    } else if (a->step == STEP_TURN) {
        vib_turn(core, a->x, a->stride, &a->block);
        vib_rfft_begin(&a->fft, core->spectrum, core->log2n);
    } else {
        vib_turned_levels(core, core->log2_lsb_um - ((int32_t)a->block.fine_shift - 2) * VIB_LOG2_ONE, a->out);
    }
#endif
}

/* The steps that take features from core->spectrum. */
static void from_spectrum(vib_core_t *core, vib_axis_t *a)
{
    vib_i32_t unit = core->log2_lsb_um - (vib_i32_t)a->block.spectrum_shift * VIB_LOG2_ONE;
    if (a->step == STEP_POWERS || a->step == STEP_TURNED_POWERS) {
        vib_powers(core);
    } else if (a->step == STEP_LEVELS) {
        a->sum = vib_levels(core, unit, a->out);
    } else if (a->step == STEP_VELOCITY) {
        vib_velocity(core, unit, a->out);
    } else if (a->step == STEP_LINE) {
        vib_line(core, unit, a->sum, a->out);
    } else {
        vib_flatness(core, a->sum, a->out);
        leave_out_flat(core, a);
    }
}

VIB_INTERNAL bool vib_axis_step(vib_core_t *core, vib_axis_t *a)
{
    bool done = true;
    if (a->step <= STEP_FILL) {
        to_spectrum(core, a);
    } else if (is_of(TRANSFORMS, a->step)) {
        done = vib_fft_step(&a->fft);
    } else if (is_of(BY_ANGLE & ~(1u << STEP_TURNED_POWERS), a->step)) {
        turned(core, a);
    } else if (is_of(OF_ENVELOPE, a->step)) {
        to_modulation(core, a);
    } else {
        from_spectrum(core, a);
    }
    if (done) {
        a->step = next(&core->config, a->step);
    }
    return a->step == STEP_DONE;
}
