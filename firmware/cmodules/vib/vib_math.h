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

/* re^2 + im^2 */
static inline uint64_t vib_power(const int32_t *z)
{
    return (uint64_t)((int64_t)z[0] * z[0]) + (uint64_t)((int64_t)z[1] * z[1]);
}

/* Cosine and sine of an angle, Q31. */
typedef struct {
    int32_t cos, sin;
} vib_angle_t;

/* The angle of i steps, 0 <= i <= 1/4 of a turn. */
static inline vib_angle_t vib_acute_angle(uint32_t i)
{
    vib_angle_t a = { vib_quarter_sine[VIB_TURN / 4 - i], vib_quarter_sine[i] };
    return a;
}

/* The angle of i steps, 0 <= i < 3/4 of a turn. */
static inline vib_angle_t vib_angle(uint32_t i)
{
    vib_angle_t first = vib_acute_angle(i % (VIB_TURN / 4));
    vib_angle_t second = { -first.sin, first.cos }, third = { -first.cos, -first.sin };
    return i < VIB_TURN / 4 ? first : i < VIB_TURN / 2 ? second : third;
}

/* High half of the unsigned product. */
static inline uint32_t vib_mulhu(uint32_t a, uint32_t b)
{
    return (uint32_t)(((uint64_t)a * b) >> 32);
}

/* Position of the highest set bit plus one; 0 for 0. Written out where no instruction counts zeros, as a libgcc call
 * cannot link into a native module. */
static inline unsigned vib_bits32(uint32_t x)
{
#if defined(__ARM_FEATURE_CLZ) || defined(__riscv_zbb) || defined(__x86_64__) || defined(__aarch64__)
    return x ? 32 - (unsigned)__builtin_clz(x) : 0;
#else
    unsigned n = 0;
    if (x >> 16) { n += 16; x >>= 16; }
    if (x >> 8) { n += 8; x >>= 8; }
    if (x >> 4) { n += 4; x >>= 4; }
    if (x >> 2) { n += 2; x >>= 2; }
    return n + ((x >> 1) ? 2 : x);
#endif
}

static inline unsigned vib_bits64(uint64_t x)
{
    uint32_t high = (uint32_t)(x >> 32);
    return high ? 32 + vib_bits32(high) : vib_bits32((uint32_t)x);
}

/* Highest 32 of x's `bits` bits, the first of them set; bits from vib_bits64, not 0. */
static inline uint32_t vib_mantissa(uint64_t x, unsigned bits)
{
    return (uint32_t)(bits > 32 ? x >> (bits - 32) : x << (32 - bits));
}

/* log2(x) in Q16 for x >= 1, error under 3 / 65536; 0 for 0. */
int32_t vib_log2_32(uint32_t x);
int32_t vib_log2_64(uint64_t x);

#endif
