#include "vib_core.h"

#include <string.h>

void vib_core_push(vib_core_t *core, const int16_t *frames, size_t n, size_t *taken)
{
    size_t axes = core->config.axes;
    size_t room = core->config.window - core->held;
    size_t count = n < room ? n : room;
    memcpy(core->frames + core->held * axes, frames, count * axes * sizeof(int16_t));
    core->held += (uint32_t)count;
    *taken = count;
}

bool vib_core_ready(const vib_core_t *core)
{
    return core->held == core->config.window;
}

void vib_core_gap(vib_core_t *core)
{
    core->held = 0;
}

void vib_window_advance(vib_core_t *core)
{
    size_t axes = core->config.axes;
    size_t kept = core->config.window - core->config.hop;
    memmove(core->frames, core->frames + core->config.hop * axes, kept * axes * sizeof(int16_t));
    core->held = (uint32_t)kept;
}
