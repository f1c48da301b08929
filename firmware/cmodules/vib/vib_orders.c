/* Features that need the shaft's speed: its harmonics, and the bearing's frequencies in the envelope's spectrum. */
#include "vib_core.h"
#include "vib_math.h"

#define LOG2_16_3 158268      /* log2(16/3), Q16: as for band levels, so that three bins hold a line's whole energy */
#define HALF_LOG2_35_18 31436 /* Q16: a line of the envelope under Hann squared stands in five bins, 1 + 2 (2/3)^2 + 2 (1/6)^2 */
#define LOG2_ONE 65536
#define MIN_ORDER_BIN 2   /* below, its three bins reach the mean's */
#define MIN_BEARING_BIN 5 /* below, its five bins do */

bool vib_has_bearing(const vib_config_t *c)
{
    return c->bpfo_milliorders || c->bpfi_milliorders || c->bsf_milliorders || c->ftf_milliorders;
}

/* Bin nearest to an order of the shaft, by bisection instead of a 64-bit division; `highest` or under, else 0. */
static uint16_t nearest_bin(const vib_core_t *core, uint32_t milliorders, uint32_t shaft_millihz, uint32_t highest)
{
    const vib_config_t *c = &core->config;
    uint64_t twice = (uint64_t)milliorders * shaft_millihz * c->window * 2, bin = (uint64_t)c->rate_millihz * 1000;
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
    uint32_t orders[VIB_BEARING_FREQUENCIES] = {
        c->bpfo_milliorders, c->bpfi_milliorders, c->bsf_milliorders, c->ftf_milliorders
    };
    uint32_t wide = (uint32_t)(core->envelope.hi - core->envelope.lo);
    for (uint32_t i = 0; i < c->orders; i++) {
        core->order_bins[i] = nearest_bin(core, (i + 1) * 1000, shaft_millihz, c->window / 2 - 2);
    }
    for (uint32_t i = 0; i < VIB_BEARING_FREQUENCIES && vib_has_bearing(c); i++) {
        core->bearing_bins[i] = nearest_bin(core, orders[i], shaft_millihz, wide - 3);
    }
}

void vib_order_levels(const vib_core_t *core, const uint64_t *power, int32_t unit, int16_t *out)
{
    for (uint32_t i = 0; i < core->config.orders; i++) {
        uint32_t k = core->order_bins[i];
        uint64_t sum = k >= MIN_ORDER_BIN ? power[k - 1] + power[k] + power[k + 1] : 0;
        int32_t level = (vib_log2_64(sum) + LOG2_16_3) / 2 - (int32_t)core->log2n * LOG2_ONE + unit;
        out[i] = (int16_t)(sum && level > 0 ? (level + 128) >> 8 : 0);
    }
}

void vib_bearing_depths(const vib_core_t *core, const int32_t *bins, int32_t mean, int16_t *out)
{
    for (uint32_t i = 0; i < VIB_BEARING_FREQUENCIES; i++) {
        uint32_t k = core->bearing_bins[i];
        uint64_t sum = 0;
        for (uint32_t j = k - 2; k >= MIN_BEARING_BIN && j <= k + 2; j++) {
            sum += vib_power(bins + 2 * j);
        }
        int32_t depth = vib_log2_64(sum) / 2 - HALF_LOG2_35_18 + LOG2_ONE - mean + 20 * LOG2_ONE;
        out[i] = (int16_t)(sum && depth > 0 ? (depth + 128) >> 8 : 0);
    }
}
