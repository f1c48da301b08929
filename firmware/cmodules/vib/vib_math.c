#include "vib_math.h"

/* m has its highest bit set: log2(m / 2^31), by linear interpolation between 64 points an octave. */
static int32_t log2_mantissa(uint32_t m)
{
    uint32_t i = (m >> 25) & 63;
    int32_t fraction = (int32_t)((m >> 9) & 0xffff);
    int32_t a = vib_log2_table[i];
    return a + (((vib_log2_table[i + 1] - a) * fraction) >> 16);
}

int32_t vib_log2_32(uint32_t x)
{
    unsigned bits = vib_bits32(x);
    if (bits == 0) {
        return 0;
    }
    return (int32_t)((bits - 1) << 16) + log2_mantissa(x << (32 - bits));
}

int32_t vib_log2_64(uint64_t x)
{
    unsigned bits = vib_bits64(x);
    if (bits == 0) {
        return 0;
    }
    return (int32_t)((bits - 1) << 16) + log2_mantissa(vib_mantissa(x, bits));
}
