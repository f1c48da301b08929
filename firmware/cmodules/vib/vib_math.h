/* Fixed-point mathematics of the core: multiply-high, sine, logarithm. Not part of the contract of vib.h. */
#ifndef VIB_MATH_H
#define VIB_MATH_H

#include <stdint.h>

#if (-1 >> 1) != -1
#error "the core needs an arithmetic right shift of negative integers"
#endif

#define VIB_TURN 4096 /* table steps in a full turn: the largest window */

extern const int32_t vib_quarter_sine[VIB_TURN / 4 + 1]; /* Q31 */
extern const int32_t vib_log2_table[65];                 /* Q16 */

/* High half of the product: a * b / 2^32. One instruction on RV32M, Cortex-M and Xtensa. */
static inline int32_t vib_mulh(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b) >> 32);
}

/* sin(2 pi i / 4096) in Q31, i >= 0. */
static inline int32_t vib_sin_q31(uint32_t i)
{
    uint32_t r = i & (VIB_TURN / 4 - 1);
    uint32_t quadrant = i / (VIB_TURN / 4);
    int32_t v = vib_quarter_sine[(quadrant & 1) ? VIB_TURN / 4 - r : r];
    return (quadrant & 2) ? -v : v;
}

static inline int32_t vib_cos_q31(uint32_t i)
{
    return vib_sin_q31(i + VIB_TURN / 4);
}

/* Position of the highest set bit plus one; 0 for 0. Written out, as a libgcc call cannot link into a native module. */
static inline unsigned vib_bits32(uint32_t x)
{
    unsigned n = 0;
    if (x >> 16) { n += 16; x >>= 16; }
    if (x >> 8) { n += 8; x >>= 8; }
    if (x >> 4) { n += 4; x >>= 4; }
    if (x >> 2) { n += 2; x >>= 2; }
    return n + ((x >> 1) ? 2 : x);
}

static inline unsigned vib_bits64(uint64_t x)
{
    uint32_t high = (uint32_t)(x >> 32);
    return high ? 32 + vib_bits32(high) : vib_bits32((uint32_t)x);
}

/* log2(x) in Q16 for x >= 1, error under 3 / 65536; 0 for 0. */
int32_t vib_log2_32(uint32_t x);
int32_t vib_log2_64(uint64_t x);

#endif
