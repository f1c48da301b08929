/* Features that need the shaft's speed: its harmonics, and the bearing's frequencies in the envelope's spectrum. */
#include "vib_core.h"
#include "vib_math.h"

#define HALF_LOG2_35_18 31436 /* Q16: a line of the envelope under Hann squared stands in five bins, 1 + 2 (2/3)^2 + 2 (1/6)^2 */
#define MIN_ORDER_BIN 2   /* below, its three bins reach the mean's */
#define MIN_BEARING_BIN 5 /* below, its five bins do */

VIB_INTERNAL void vib_order_levels(const vib_core_t *core, const vib_u64_t *power, vib_i32_t unit, vib_feature_t *out)
{
    for (uint32_t i = 0; i < core->config.orders; i++) {
        uint32_t k = core->order_bins[i];
        vib_u64_t sum = { 0 };
        for (uint32_t j = k - 1; k >= MIN_ORDER_BIN && j <= k + 1; j++) {
            sum = vib_add(sum, power[j]);
        }
        out[i] = vib_band_level(core, sum, unit);
    }
}

VIB_INTERNAL void vib_bearing_depths(const vib_core_t *core, const vib_i32_t *bins, vib_i32_t mean, vib_feature_t *out)
{
    for (uint32_t i = 0; i < VIB_BEARING_FREQUENCIES; i++) {
        uint32_t k = core->bearing_bins[i];
        vib_u64_t sum = { 0 };
        for (uint32_t j = k - 2; k >= MIN_BEARING_BIN && j <= k + 2; j++) {
            sum = vib_add(sum, vib_power(bins + 2 * j));
        }
        out[i] = vib_depth(sum, HALF_LOG2_35_18, mean);
    }
}
