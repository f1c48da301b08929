/* From a logarithm to a feature: what every step of the features ends with. */
#include "vib_small.h"

#include "vib_core.h"
#include "vib_math.h"

VIB_INTERNAL vib_feature_t vib_ratio(vib_i32_t log2)
{
    return (vib_feature_t)vib_max(vib_min((log2 + 128) >> 8, vib_broadcast(32767)), vib_broadcast(-32768));
}

VIB_INTERNAL vib_feature_t vib_level(vib_i32_t log2)
{
    return vib_ratio(vib_max(log2, vib_broadcast(0)));
}

VIB_INTERNAL vib_feature_t vib_band_level(const vib_core_t *core, vib_u64_t sum, vib_i32_t unit)
{
    vib_i32_t mean_square = vib_log2_64(sum) + VIB_LOG2_16_3;
    vib_i32_t log2 = mean_square / 2 - (int32_t)core->log2n * VIB_LOG2_ONE + unit;
    return vib_level(vib_select(vib_nonzero(sum), log2, vib_broadcast(0)));
}
