/*
 * What firmware/cmodules/vib/vib_lane.h defines, for eight windows in lockstep, by AVX2's instructions and the vector
 * types of GCC and Clang. 64-bit numbers stand in two registers, those of the even lanes and those of the odd ones, as
 * the multiplication leaves them.
 */
#ifndef LANES_AVX2_H
#define LANES_AVX2_H

#include <immintrin.h>
#include <string.h>

#include "lanes.h"

#define VIB_INTERNAL static

typedef int32_t vib_i32_t __attribute__((vector_size(32)));
typedef uint32_t vib_u32_t __attribute__((vector_size(32)));
typedef vib_i32_t vib_sample_t;
typedef vib_i32_t vib_feature_t;
typedef struct {
    __m256i even, odd;
} vib_u64_t;

static inline vib_i32_t vib_broadcast(int32_t number)
{
    return (vib_i32_t)_mm256_set1_epi32(number);
}

/* condition: all bits set or none, as comparisons give it. */
static inline vib_i32_t vib_select(vib_i32_t condition, vib_i32_t a, vib_i32_t b)
{
    return (vib_i32_t)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)condition);
}

static inline vib_i32_t vib_min(vib_i32_t a, vib_i32_t b)
{
    return (vib_i32_t)_mm256_min_epi32((__m256i)a, (__m256i)b);
}

static inline vib_i32_t vib_max(vib_i32_t a, vib_i32_t b)
{
    return (vib_i32_t)_mm256_max_epi32((__m256i)a, (__m256i)b);
}

static inline vib_i32_t vib_look_up(const int32_t *table, vib_u32_t i)
{
    return (vib_i32_t)_mm256_i32gather_epi32(table, (__m256i)i, 4);
}

/* --- 32 bits from 64 and back --- */

/* Each 64-bit number's high half in its low one's place too. A shuffle, as shifts go where multiplications wait. */
static inline __m256i high_down(__m256i x)
{
    return _mm256_shuffle_epi32(x, 0xf5);
}

static inline __m256i low_up(__m256i x)
{
    return _mm256_slli_epi64(x, 32);
}

static inline __m256i low_only(__m256i x)
{
    return _mm256_blend_epi32(x, _mm256_setzero_si256(), 0xaa);
}

static inline vib_u32_t high_halves(vib_u64_t x)
{
    return (vib_u32_t)_mm256_blend_epi32(high_down(x.even), x.odd, 0xaa);
}

static inline vib_u32_t low_halves(vib_u64_t x)
{
    return (vib_u32_t)_mm256_blend_epi32(x.even, low_up(x.odd), 0xaa);
}

static inline vib_u64_t vib_wide(vib_u32_t x)
{
    vib_u64_t r = { low_only((__m256i)x), _mm256_srli_epi64((__m256i)x, 32) };
    return r;
}

static inline vib_u64_t product(vib_u32_t a, vib_u32_t b)
{
    vib_u64_t r = { _mm256_mul_epu32((__m256i)a, (__m256i)b),
                    _mm256_mul_epu32(high_down((__m256i)a), high_down((__m256i)b)) };
    return r;
}

static inline vib_i32_t vib_mulh(vib_i32_t a, int32_t b)
{
    __m256i factor = _mm256_set1_epi32(b);
    vib_u64_t r = { _mm256_mul_epi32((__m256i)a, factor), _mm256_mul_epi32(high_down((__m256i)a), factor) };
    return (vib_i32_t)high_halves(r);
}

static inline vib_u32_t vib_mulhu(vib_u32_t a, vib_u32_t b)
{
    return high_halves(product(a, b));
}

/* --- 64 bits --- */

static inline vib_u64_t vib_add(vib_u64_t a, vib_u64_t b)
{
    vib_u64_t r = { _mm256_add_epi64(a.even, b.even), _mm256_add_epi64(a.odd, b.odd) };
    return r;
}

static inline vib_u64_t vib_product(vib_u32_t x, uint32_t weight)
{
    return product(x, (vib_u32_t)vib_broadcast((int32_t)weight));
}

static inline vib_u64_t vib_square(vib_u32_t x)
{
    return product(x, x);
}

static inline __m256i power_of_low(__m256i re, __m256i im)
{
    return _mm256_add_epi64(_mm256_mul_epi32(re, re), _mm256_mul_epi32(im, im));
}

static inline vib_u64_t vib_power(const vib_i32_t *z)
{
    __m256i re = (__m256i)z[0], im = (__m256i)z[1];
    vib_u64_t r = { power_of_low(re, im), power_of_low(high_down(re), high_down(im)) };
    return r;
}

/* AVX2 compares signed numbers only: turning the highest bits keeps the order. */
static inline __m256i over_unsigned(__m256i a, __m256i b)
{
    const __m256i highest = _mm256_set1_epi64x((long long)(1ULL << 63));
    return _mm256_cmpgt_epi64(_mm256_xor_si256(a, highest), _mm256_xor_si256(b, highest));
}

static inline vib_u64_t over(vib_u64_t a, vib_u64_t b)
{
    vib_u64_t r = { over_unsigned(a.even, b.even), over_unsigned(a.odd, b.odd) };
    return r;
}

static inline vib_i32_t vib_over(vib_u64_t a, vib_u64_t b)
{
    return (vib_i32_t)low_halves(over(a, b));
}

static inline vib_i32_t vib_nonzero(vib_u64_t x)
{
    return (high_halves(x) | low_halves(x)) != 0;
}

static inline vib_u64_t vib_larger(vib_u64_t a, vib_u64_t b)
{
    vib_u64_t a_over = over(a, b);
    vib_u64_t r = { _mm256_blendv_epi8(b.even, a.even, a_over.even), _mm256_blendv_epi8(b.odd, a.odd, a_over.odd) };
    return r;
}

/* Of each window the power at its own k. */
static inline vib_u64_t vib_gather(const vib_u64_t *powers, vib_i32_t k)
{
    uint64_t found[N_LANES];
    for (size_t lane = 0; lane < N_LANES; lane++) {
        size_t at = lane / 2 + N_LANES / 2 * (lane % 2);
        memcpy(&found[at], (const char *)&powers[k[lane]] + at * sizeof found[at], sizeof found[at]);
    }
    vib_u64_t r;
    memcpy(&r, found, sizeof r);
    return r;
}

static inline vib_u32_t vib_narrow(vib_u64_t x, vib_u32_t shift)
{
    vib_u64_t by = vib_wide(shift);
    vib_u64_t r = { _mm256_srlv_epi64(x.even, by.even), _mm256_srlv_epi64(x.odd, by.odd) };
    return low_halves(r);
}

/* By the exponent of half the number as a float, its bits after the first cleared as far as they could round up. */
static inline vib_u32_t vib_bits32(vib_u32_t x)
{
    __m256i half = _mm256_srli_epi32((__m256i)x, 1);
    __m256i steep = _mm256_andnot_si256(_mm256_srli_epi32(half, 1), half);
    __m256i exponent = _mm256_srli_epi32(_mm256_castps_si256(_mm256_cvtepi32_ps(steep)), 23);
    vib_i32_t bits = vib_max((vib_i32_t)exponent - 126, vib_broadcast(0));
    return (vib_u32_t)(bits - (vib_i32_t)(x != 0));
}

static inline vib_u32_t vib_bits64(vib_u64_t x)
{
    vib_i32_t high = (vib_i32_t)high_halves(x), large = high != 0;
    return vib_bits32((vib_u32_t)vib_select(large, high, (vib_i32_t)low_halves(x))) + (vib_u32_t)(large & 32);
}

static inline vib_u32_t vib_mantissa(vib_u64_t x, vib_u32_t bits)
{
    vib_u64_t by = vib_wide(64 - bits);
    vib_u64_t r = { _mm256_sllv_epi64(x.even, by.even), _mm256_sllv_epi64(x.odd, by.odd) };
    return high_halves(r);
}

#endif
