/* Features that need the shaft's speed: its harmonics, and the bearing's frequencies in the envelope's spectrum. */
#include "vib_core.h"
#include "vib_math.h"

#define MIN_ORDER_BIN 2   /* below, its three bins reach the mean's */
#define MIN_BEARING_BIN 5 /* below, they do, where the line is as wide as the squared Hann window makes it */
#define FIRST_BIN 3       /* of the envelope's spectrum that the mean does not reach */
#define AROUND 24         /* bins on either side of a bearing's line that it is compared with */
#define SLIP_SHIFT 7      /* rolling elements slip: a line is looked for within 1/128 of its frequency */
#define FAINT (20 * VIB_LOG2_ONE) /* under this much of the mean's power, powers count as that: below is rounding */

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

/* log2 of the power that the line at bin k has over the mean power of the bins around it. False where none is to be
 * compared. */
static bool prominence(const vib_core_t *core, const vib_i32_t *bins, uint32_t k, vib_i32_t mean, vib_i32_t *log2)
{
    uint32_t end = (uint32_t)(core->envelope.hi - core->envelope.lo);
    uint32_t reach = 1 + (k >> SLIP_SHIFT), beside = reach + 2, compared = 0;
    if (k < MIN_BEARING_BIN || k + reach >= end) {
        return false;
    }
    vib_u64_t line = { 0 }, sum = { 0 };
    for (uint32_t j = k - reach; j <= k + reach; j++) {
        line = vib_larger(line, vib_power(bins + 2 * j));
    }
    for (uint32_t j = k > FIRST_BIN + AROUND ? k - AROUND : FIRST_BIN; j < end && j <= k + AROUND; j++) {
        if (j + beside <= k || j >= k + beside) {
            sum = vib_add(sum, vib_power(bins + 2 * j));
            compared++;
        }
    }
    vib_i32_t faint = 2 * mean - FAINT;
    vib_i32_t around = vib_log2_64(sum) - vib_log2_32((vib_u32_t)vib_broadcast((int32_t)compared));
    *log2 = vib_max(vib_log2_64(line), faint) - vib_max(around, faint);
    return compared > 0;
}

VIB_INTERNAL void vib_bearing_lines(const vib_core_t *core, const vib_i32_t *bins, vib_i32_t mean, vib_feature_t *out)
{
    for (uint32_t i = 0; i < VIB_BEARING_FREQUENCIES; i++) {
        vib_i32_t sum = vib_broadcast(0), log2 = sum;
        int32_t harmonics = 0;
        for (uint32_t n = 0; n < VIB_BEARING_HARMONICS; n++) {
            if (prominence(core, bins, core->bearing_bins[i][n], mean, &log2)) {
                sum += log2;
                harmonics++;
            }
        }
        sum = vib_select(mean > 0, sum, vib_broadcast(0)); /* nothing in the pass band */
        out[i] = vib_ratio(harmonics ? sum / (2 * harmonics) : sum);
    }
}
