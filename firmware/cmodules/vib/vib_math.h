/* Fixed-point mathematics of the core: sine, logarithm. Not part of the contract of vib.h. */
#ifndef VIB_MATH_H
#define VIB_MATH_H

#include "vib_lane.h"

#if (-1 >> 1) != -1
#error "the core needs an arithmetic right shift of negative integers"
#endif

#define VIB_TURN 4096 /* table steps in a full turn: the largest window */
#define VIB_LOG2_ONE 65536 /* of a logarithm in Q16 */

extern const int32_t vib_quarter_sine[VIB_TURN / 4 + 1]; /* Q31 */
extern const int32_t vib_log2_table[65];                 /* Q16 */
extern const int16_t vib_kernel[129]; /* Q15: sinc(t) under Kaiser's window (beta 4.5) of 4 to either side, t = i/32 */

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

/* log2(x) in Q16 for x >= 1, error under 3 / 65536; 0 for 0. */
VIB_INTERNAL vib_i32_t vib_log2_32(vib_u32_t x);
VIB_INTERNAL vib_i32_t vib_log2_64(vib_u64_t x);

#endif
