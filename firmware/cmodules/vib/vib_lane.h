/*
 * What the numeric source computes with. On a device that is one number; the host's batches compile the same source
 * once more with VIB_LANES naming a header in which each of these types is a vector, one number for each of several
 * windows in lockstep. Both know the operators of 32-bit numbers; here is where they differ.
 * Not part of the contract of vib.h.
 */
#ifndef VIB_LANE_H
#define VIB_LANE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef VIB_LANES
#include VIB_LANES
#else

#define VIB_INTERNAL /* of functions that the numeric source shares */

typedef int16_t vib_sample_t;
typedef int16_t vib_feature_t;
typedef int32_t vib_i32_t;
typedef uint32_t vib_u32_t;
typedef uint64_t vib_u64_t;

#define vib_broadcast(number) (number) /* the same number for every window */
#define vib_select(condition, a, b) ((condition) ? (a) : (b))

static inline int32_t vib_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t vib_max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* High half of the product: a * b / 2^32. One instruction on RV32M, Cortex-M and Xtensa. */
static inline int32_t vib_mulh(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b) >> 32);
}

/* The same of unsigned numbers. */
static inline uint32_t vib_mulhu(uint32_t a, uint32_t b)
{
    return (uint32_t)(((uint64_t)a * b) >> 32);
}

/* table[i] */
static inline int32_t vib_look_up(const int32_t *table, uint32_t i)
{
    return table[i];
}

/* Position of the highest set bit plus one; 0 for 0. Written out where no instruction counts zeros, as a libgcc call
 * cannot link into a native module. */
static inline uint32_t vib_bits32(uint32_t x)
{
#if defined(__ARM_FEATURE_CLZ) || defined(__riscv_zbb) || defined(__x86_64__) || defined(__aarch64__)
    return x ? 32 - (uint32_t)__builtin_clz(x) : 0;
#else
    uint32_t n = 0;
    if (x >> 16) {
        n += 16;
        x >>= 16;
    }
    if (x >> 8) {
        n += 8;
        x >>= 8;
    }
    if (x >> 4) {
        n += 4;
        x >>= 4;
    }
    if (x >> 2) {
        n += 2;
        x >>= 2;
    }
    return n + ((x >> 1) ? 2 : x);
#endif
}

/* --- 64 bits; what is compared is under 2^63 --- */

static inline uint64_t vib_wide(uint32_t x)
{
    return x;
}

static inline uint64_t vib_add(uint64_t a, uint64_t b)
{
    return a + b;
}

static inline uint64_t vib_product(uint32_t x, uint32_t weight)
{
    return (uint64_t)x * weight;
}

static inline uint64_t vib_square(uint32_t x)
{
    return (uint64_t)x * x;
}

/* re^2 + im^2 */
static inline uint64_t vib_power(const int32_t *z)
{
    return (uint64_t)((int64_t)z[0] * z[0]) + (uint64_t)((int64_t)z[1] * z[1]);
}

static inline bool vib_nonzero(uint64_t x)
{
    return x != 0;
}

static inline bool vib_over(uint64_t a, uint64_t b)
{
    return a > b;
}

static inline uint64_t vib_larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* powers[k] */
static inline uint64_t vib_gather(const uint64_t *powers, int32_t k)
{
    return powers[k];
}

/* x / 2^shift, which fits 32 bits */
static inline uint32_t vib_narrow(uint64_t x, uint32_t shift)
{
    return (uint32_t)(x >> shift);
}

static inline uint32_t vib_bits64(uint64_t x)
{
    uint32_t high = (uint32_t)(x >> 32);
    return high ? 32 + vib_bits32(high) : vib_bits32((uint32_t)x);
}

/* Highest 32 of x's `bits` bits, the first of them set; bits from vib_bits64. 0 for 0. */
static inline uint32_t vib_mantissa(uint64_t x, uint32_t bits)
{
    return (uint32_t)(bits > 32 ? x >> (bits - 32) : x << (32 - bits));
}

#endif
#endif
