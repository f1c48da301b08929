/* The speed of the shaft: where its orders are in the spectra, and how it moves within a window. */
#include "vib_small.h"

#include "vib_core.h"

#define RATIO_BITS 30 /* of a speed over the mean */

/* By bisection instead of a 64-bit division. */
uint16_t vib_nearest_bin(const vib_core_t *core, uint32_t milliorders, uint32_t highest)
{
    const vib_config_t *c = &core->config;
    uint64_t twice = (uint64_t)milliorders * core->shaft_millihz * c->window * 2;
    uint64_t bin = (uint64_t)c->rate_millihz * 1000;
    uint32_t k = 0;
    for (uint32_t step = VIB_MAX_WINDOW; step; step >>= 1) {
        if ((2 * (uint64_t)(k + step) - 1) * bin <= twice) {
            k += step;
        }
    }
    return (uint16_t)(k <= highest ? k : 0);
}

void vib_core_set_shaft(vib_core_t *core, uint32_t shaft_millihz)
{
    const vib_config_t *c = &core->config;
    uint32_t orders[VIB_BEARING_FREQUENCIES] = { c->bpfo_milliorders, c->bpfi_milliorders, c->bsf_milliorders,
                                                 c->ftf_milliorders };
    uint32_t wide = (uint32_t)(core->envelope.hi - core->envelope.lo);
    core->shaft_millihz = shaft_millihz;
    core->course_log2 = 0;
    if (core->slow) {
        vib_core_set_shaft(core->slow->core, shaft_millihz < UINT32_MAX / 100 ? 100 * shaft_millihz : 0);
    }
    core->course[0] = core->course[1] = 1u << RATIO_BITS;
    for (uint32_t i = 0; i < c->orders; i++) {
        core->order_bins[i] = vib_nearest_bin(core, (i + 1) * 1000, c->window / (c->by_angle ? 4 : 2) - 2);
    }
    for (uint32_t i = 0; i < VIB_BEARING_FREQUENCIES && vib_has_bearing(c); i++) {
        for (uint32_t n = 0; n < VIB_BEARING_HARMONICS; n++) {
            core->bearing_bins[i][n] = vib_nearest_bin(core, (n + 1) * orders[i], wide - 1);
        }
    }
}

/* speed / mean, under 2, rounded down. */
static uint32_t ratio(uint32_t speed, uint32_t mean)
{
    uint32_t quotient = 0;
    for (uint32_t bit = 0; bit <= RATIO_BITS; bit++) {
        bool over = speed >= mean;
        quotient = 2 * quotient + over;
        speed = 2 * (over ? speed - mean : speed);
    }
    return quotient;
}

int vib_core_set_course(vib_core_t *core, const uint32_t *shaft_millihz, size_t n)
{
    uint32_t lowest = UINT32_MAX, highest = 0, sum = 0; /* of those at the begin and at the end of each part */
    unsigned log2 = vib_bits32((uint32_t)(n - 1)) - 1;
    vib_core_set_shaft(core, 0);
    if (n < 2 || n > VIB_MAX_COURSE + 1 || n != (1u << log2) + 1) {
        return VIB_ERR_LENGTH;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t speed = shaft_millihz[i];
        lowest = speed < lowest ? speed : lowest;
        highest = speed > highest ? speed : highest;
        sum += i > 0 && i < n - 1 ? 2 * speed : speed;
    }
    if (lowest == 0 || highest > 100000000 || 4 * highest > 5 * lowest) {
        return VIB_ERR_COURSE;
    }
    vib_core_set_shaft(core, (sum + (1u << log2)) >> (log2 + 1));
    core->course_log2 = log2;
    for (size_t i = 0; i < n; i++) {
        core->course[i] = ratio(shaft_millihz[i], core->shaft_millihz);
    }
    return VIB_OK;
}
