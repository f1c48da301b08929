#include "vib_core.h"

#include <string.h>

#define FULL_SCALE 32767

/* How many of n frames lie before the window's next one, and how many of the rest it has room for. */
static size_t pass_over(vib_core_t *core, size_t n)
{
    size_t skipped = n < core->skip ? n : core->skip;
    core->skip -= (uint32_t)skipped;
    return skipped;
}

static size_t room(const vib_core_t *core, size_t n)
{
    size_t most = core->config.window + (core->stepping ? core->spare : 0);
    size_t left = core->held < most ? most - core->held : 0;
    return n < left ? n : left;
}

/* So many more frames are held. */
static void took(vib_core_t *core, size_t count)
{
    const int16_t *x = core->frames + core->held * core->config.axes, *end = x + count * core->config.axes;
    int32_t most = core->full_scale;
    if (core->slow) {
        vib_slow_push(core->slow, x, count);
    }
    core->held += (uint32_t)count;
    for (; most > 0 && x < end; x++) {
        core->clipped += *x >= most || *x <= -most;
    }
}

void vib_core_push(vib_core_t *core, const int16_t *frames, size_t n, size_t *taken)
{
    size_t axes = core->config.axes;
    size_t skipped = pass_over(core, n);
    size_t count = room(core, n - skipped);
    memcpy(core->frames + core->held * axes, frames + skipped * axes, count * axes * sizeof(int16_t));
    took(core, count);
    *taken = skipped + count;
}

int vib_format_check(const vib_format_t *f)
{
    bool fits = f->bits >= 8 && f->bits <= 24 && (f->sample_bytes == 2 || f->sample_bytes == 3);
    return fits && f->bits <= 8 * f->sample_bytes && f->skip_bytes <= 8 ? VIB_OK : VIB_ERR_FORMAT;
}

size_t vib_format_frame_bytes(const vib_format_t *f, uint32_t axes)
{
    return f->skip_bytes + (size_t)axes * f->sample_bytes;
}

/* One sample, its sign extended, rounded to 16 bits where it has more. */
static int16_t sample(const vib_format_t *f, const uint8_t *p)
{
    uint32_t word = 0;
    for (unsigned i = 0; i < f->sample_bytes; i++) {
        word |= (uint32_t)p[i] << 8 * (f->big_endian ? f->sample_bytes - 1 - i : i);
    }
    unsigned unused = 32 - (f->left_justified ? 8u * f->sample_bytes : f->bits);
    int32_t value = (int32_t)(word << unused) >> (32 - f->bits);
    if (f->bits > 16) {
        value = (value + (1 << (f->bits - 17))) >> (f->bits - 16);
        value = value > FULL_SCALE ? FULL_SCALE : value;
    }
    return (int16_t)value;
}

int vib_core_push_raw(vib_core_t *core, const vib_format_t *f, const uint8_t *data, size_t n, size_t *taken)
{
    size_t axes = core->config.axes, bytes = vib_format_frame_bytes(f, core->config.axes);
    if (vib_format_check(f) != VIB_OK) {
        return VIB_ERR_FORMAT;
    }
    size_t skipped = pass_over(core, n);
    size_t count = room(core, n - skipped);
    int16_t *out = core->frames + core->held * axes;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *frame = data + (skipped + i) * bytes + f->skip_bytes;
        for (size_t axis = 0; axis < axes; axis++) {
            *out++ = sample(f, frame + axis * f->sample_bytes);
        }
    }
    took(core, count);
    *taken = skipped + count;
    return VIB_OK;
}

bool vib_core_ready(const vib_core_t *core)
{
    return core->held >= core->config.window;
}

void vib_core_set_full_scale(vib_core_t *core, uint32_t counts)
{
    core->full_scale = (int32_t)counts;
    core->clipped = 0;
}

uint32_t vib_core_clipped(vib_core_t *core)
{
    uint32_t clipped = core->clipped;
    core->clipped = 0;
    return clipped;
}

void vib_core_gap(vib_core_t *core)
{
    core->held = 0;
    core->skip = 0;
    core->stepping = false;
    if (core->slow) {
        vib_slow_gap(core->slow);
    }
}
