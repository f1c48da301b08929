/* A window's features in steps, axis after axis, and those of the slow path behind them. */
#include "vib_small.h"

#include "vib_core.h"

#include <string.h>

static int16_t *of_axis(const vib_core_t *core, int16_t *out)
{
    return out + core->axis * (vib_feature_count(&core->config) / core->config.axes);
}

static void begin_axis(vib_core_t *core, int16_t *out)
{
    vib_axis_begin(core->under_way, core->frames + core->axis, core->config.axes, of_axis(core, out));
}

static void begin(vib_core_t *core, int16_t *out)
{
    uint32_t window = core->config.window, hop = core->config.hop;
    core->stepping = true;
    core->axis = 0;
    core->skip = hop > window ? hop - window : 0; /* frames that belong to no window may pass from now on */
    begin_axis(core, out);
}

/* Drops the oldest hop of frames. */
static void advance(vib_core_t *core)
{
    size_t axes = core->config.axes;
    uint32_t hop = core->config.hop;
    core->stepping = false;
    if (core->held <= hop) {
        core->held = 0;
        return;
    }
    core->held -= hop;
    memmove(core->frames, core->frames + hop * axes, core->held * axes * sizeof(int16_t));
}

int vib_core_step(vib_core_t *core, int16_t *out, size_t n, uint32_t work, bool *done)
{
    vib_axis_t *a = core->under_way;
    uint32_t spent = 0, cost;
    *done = false;
    if (n != vib_feature_count(&core->config)) {
        return VIB_ERR_LENGTH;
    }
    if (!vib_core_ready(core)) {
        return VIB_ERR_NOT_READY;
    }
    if (!core->stepping) {
        begin(core, out);
    }
    a->out = of_axis(core, out);
    while (core->axis < core->config.axes) {
        cost = vib_axis_cost(core, a);
        if (spent && (cost > work || spent > work - cost)) {
            return VIB_OK;
        }
        spent += cost;
        if (vib_axis_step(core, a) && ++core->axis < core->config.axes) {
            begin_axis(core, out);
        }
    }
    if (core->slow) {
        if (!vib_slow_step(core->slow, work)) {
            return VIB_OK;
        }
        vib_slow_features(core, out);
    }
    advance(core);
    *done = true;
    return VIB_OK;
}

int vib_core_features(vib_core_t *core, int16_t *out, size_t n)
{
    bool done = false;
    int status = VIB_OK;
    while (status == VIB_OK && !done) {
        status = vib_core_step(core, out, n, UINT32_MAX, &done);
    }
    return status;
}
