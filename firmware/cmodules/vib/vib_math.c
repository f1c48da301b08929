#include "vib_math.h"

/* m has its highest bit set: log2(m / 2^31), by linear interpolation between 64 points an octave. */
static vib_i32_t log2_mantissa(vib_u32_t m)
{
    vib_u32_t i = (m >> 25) & 63;
    vib_i32_t fraction = (vib_i32_t)((m >> 9) & 0xffff);
    vib_i32_t a = vib_look_up(vib_log2_table, i);
    return a + (((vib_look_up(vib_log2_table, i + 1) - a) * fraction) >> 16);
}

/* Without bits there is no mantissa either, and what comes out is negative. */
static vib_i32_t log2_of(vib_u32_t bits, vib_u32_t mantissa)
{
    return vib_max((vib_i32_t)((bits - 1) << 16) + log2_mantissa(mantissa), vib_broadcast(0));
}

VIB_INTERNAL vib_i32_t vib_log2_32(vib_u32_t x)
{
    vib_u32_t bits = vib_bits32(x);
    return log2_of(bits, x << (-bits & 31));
}

VIB_INTERNAL vib_i32_t vib_log2_64(vib_u64_t x)
{
    vib_u32_t bits = vib_bits64(x);
    return log2_of(bits, vib_mantissa(x, bits));
}
