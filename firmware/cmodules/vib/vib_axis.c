/*
 * The features of one axis in steps, each a pass or two over the data: a FIFO can be read between two of them. What a
 * step leaves for the next stands in core->spectrum and core->demodulated, and in the vib_axis_t.
 */
#include "vib_core.h"
#include "vib_math.h"

enum {
    STEP_SCAN,
    STEP_FILL,
    STEP_SPECTRUM,
    STEP_DEMODULATE,
    STEP_BACK, /* to a complex signal */
    STEP_SQUARE,
    STEP_ENVELOPE, /* the envelope's spectrum */
    STEP_MODULATION,
    STEP_POWERS,
    STEP_LEVELS,
    STEP_VELOCITY,
    STEP_LINE,
    STEP_FLATNESS,
    STEP_DONE
};

static bool of_envelope(unsigned step)
{
    return step >= STEP_DEMODULATE && step <= STEP_MODULATION;
}

#ifndef VIB_LANES /* a batch has no FIFO to read meanwhile */

/* Instructions that a step takes a point, on RV32IMC, rounded up: of a window's points, those of a transform, or those
 * of the envelope's. */
static const uint8_t COST[STEP_DONE] = {
    [STEP_SCAN] = 10,     [STEP_FILL] = 30,     [STEP_SPECTRUM] = 24,   [STEP_DEMODULATE] = 30, [STEP_BACK] = 24,
    [STEP_SQUARE] = 60,   [STEP_ENVELOPE] = 24, [STEP_MODULATION] = 20, [STEP_POWERS] = 12,     [STEP_LEVELS] = 14,
    [STEP_VELOCITY] = 20, [STEP_LINE] = 30,     [STEP_FLATNESS] = 30,
};

VIB_INTERNAL uint32_t vib_axis_cost(const vib_core_t *core, const vib_axis_t *a)
{
    return (uint32_t)COST[a->step] << (of_envelope(a->step) ? core->envelope_log2n : core->log2n);
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
    for (size_t i = 0; i < vib_feature_count(&core->config) / core->config.axes; i++) {
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
    }
}

/* The steps that take features from core->spectrum. */
static void from_spectrum(vib_core_t *core, vib_axis_t *a)
{
    vib_i32_t unit = core->log2_lsb_um - (vib_i32_t)a->block.spectrum_shift * VIB_LOG2_ONE;
    if (a->step == STEP_POWERS) {
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
    } else if (a->step == STEP_SPECTRUM || a->step == STEP_BACK || a->step == STEP_ENVELOPE) {
        done = vib_fft_step(&a->fft);
    } else if (of_envelope(a->step)) {
        to_modulation(core, a);
    } else {
        from_spectrum(core, a);
    }
    if (done) {
        bool has_envelope = core->config.envelope_bands > 0;
        a->step = a->step == STEP_SPECTRUM && !has_envelope ? STEP_POWERS : a->step + 1u;
    }
    return a->step == STEP_DONE;
}
