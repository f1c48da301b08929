/* The FIFO of an accelerometer by the numbers of its data sheet; see vib_fifo.h. */
#include "vib_fifo.h"

void vib_fifo_begin(vib_fifo_t *fifo)
{
    fifo->left = 0;
    fifo->said = 0;
    fifo->tag = 0;
    fifo->lost = false;
    fifo->gap = false;
}

static vib_fifo_status_t read_registers(const vib_fifo_t *fifo, uint16_t address, uint8_t *dest, size_t n)
{
    return fifo->read(fifo->bus, (uint8_t)address, dest, n) == 0 ? VIB_FIFO_OK : VIB_FIFO_BUS;
}

vib_fifo_status_t vib_fifo_level(vib_fifo_t *fifo, uint32_t *level)
{
    const vib_fifo_plan_t *plan = &fifo->plan;
    uint8_t bytes[2] = { 0, 0 };
    vib_fifo_status_t status = read_registers(fifo, plan->level_register, bytes, plan->level_bytes);
    if (status != VIB_FIFO_OK) {
        return status;
    }
    uint16_t said = (uint16_t)(bytes[0] | bytes[1] << 8);
    uint32_t held = (uint32_t)(said & plan->level_mask) / plan->level_unit;
    fifo->said = said;
    if ((said & plan->never) || held > plan->most || ((said & plan->empty) && held)) {
        return VIB_FIFO_LEVEL;
    }
    if (said & plan->overrun) {
        held = plan->overrun_is_full ? plan->frames : held;
        /* While it was full, one more may have been overwritten before the burst began: that is still the same gap. */
        fifo->lost = fifo->lost || !(plan->overrun_is_kept && fifo->gap && held < plan->frames);
    }
    if (plan->overrun_register && held >= plan->frames) {
        status = read_registers(fifo, plan->overrun_register, bytes, 1);
        fifo->lost = fifo->lost || (bytes[0] & plan->overrun_bits);
    }
    fifo->lost = fifo->lost || (plan->lost_level && held >= plan->lost_level);
    *level = held;
    return status;
}

vib_fifo_status_t vib_fifo_fetch(vib_fifo_t *fifo, uint8_t *dest, size_t frames)
{
    const vib_fifo_plan_t *plan = &fifo->plan;
    size_t reads = plan->one_a_read ? frames : 1, n = frames / reads * plan->frame_bytes;
    for (size_t i = 0; i < reads; i++) {
        vib_fifo_status_t status = read_registers(fifo, plan->data_register, dest + i * n, n);
        if (status != VIB_FIFO_OK) {
            return status;
        }
    }
    const uint8_t first = dest[0], last = dest[(frames - 1) * plan->frame_bytes];
    if ((first & plan->tag_mask) != plan->tag || (last & plan->tag_mask) != plan->tag) {
        fifo->tag = (first & plan->tag_mask) != plan->tag ? first : last;
        return VIB_FIFO_TAG;
    }
    return VIB_FIFO_OK;
}

vib_fifo_status_t vib_fifo_burst(vib_fifo_t *fifo, uint8_t *dest, size_t frames, bool *got)
{
    uint32_t level = 0;
    vib_fifo_status_t status = vib_fifo_level(fifo, &level);
    *got = false;
    if (status != VIB_FIFO_OK || level < frames) {
        return status;
    }
    status = vib_fifo_fetch(fifo, dest, frames);
    if (status == VIB_FIFO_OK) {
        fifo->left = level - (uint32_t)frames;
        fifo->gap = fifo->lost;
        fifo->lost = false;
        *got = true;
    }
    return status;
}
