#include "vib_fft.h"
#include "vib_math.h"

typedef struct {
    vib_i32_t re, im;
} complex_t;

/*
 * z * e^(-i a). Two bits under the sum's are lost, of 30. Both products are rounded down, by half on average each, which
 * the 1 makes up for in the sum, and which the difference has not; left there, it would add up from block to block and
 * stand as lines in the lowest bins.
 */
static inline complex_t rotate(complex_t z, vib_angle_t a)
{
    complex_t r;
    r.re = (vib_i32_t)((vib_u32_t)(vib_mulh(z.re, a.cos) + vib_mulh(z.im, a.sin) + 1) << 1);
    r.im = (vib_i32_t)((vib_u32_t)(vib_mulh(z.im, a.cos) - vib_mulh(z.re, a.sin)) << 1);
    return r;
}

static inline complex_t add(complex_t a, complex_t b)
{
    complex_t r = { a.re + b.re, a.im + b.im };
    return r;
}

static inline complex_t sub(complex_t a, complex_t b)
{
    complex_t r = { a.re - b.re, a.im - b.im };
    return r;
}

static inline void swap(complex_t *a, complex_t *b)
{
    complex_t t = *a;
    *a = *b;
    *b = t;
}

/* j, the reverse of an even i < n/2, is even and under n/2 too, and gives three more: i + 1 goes to j + n/2,
 * i + n/2 to j + 1, i + n/2 + 1 to j + n/2 + 1. */
static void bit_reverse(complex_t *z, unsigned log2n)
{
    uint32_t half = 1u << (log2n - 1), j = 0;
    for (uint32_t i = 0; i < half; i += 2) {
        swap(&z[i + 1], &z[j + half]);
        if (i < j) {
            swap(&z[i], &z[j]);
            swap(&z[i + half + 1], &z[j + half + 1]);
        }
        uint32_t bit = half >> 1;
        while (j & bit) { /* add one from the left */
            j ^= bit;
            bit >>= 1;
        }
        j |= bit;
    }
}

/* Four transforms of length L, in bit-reversed order, joined into one of length 4 L. b, c, d are turned already. */
static inline void butterfly(complex_t *z, uint32_t L, complex_t b, complex_t c, complex_t d)
{
    complex_t s = add(z[0], b), t = sub(z[0], b);
    complex_t u = add(c, d), v = sub(c, d);
    z[0] = add(s, u);
    z[2 * L] = sub(s, u);
    z[L].re = t.re + v.im;
    z[L].im = t.im - v.re;
    z[3 * L].re = t.re - v.im;
    z[3 * L].im = t.im + v.re;
}

static void radix4_stage(complex_t *z, uint32_t n, uint32_t L)
{
    uint32_t step = VIB_TURN / (4 * L);
    for (uint32_t i = 0; i < n; i += 4 * L) { /* k = 0: nothing to turn */
        butterfly(&z[i], L, z[i + L], z[i + 2 * L], z[i + 3 * L]);
    }
    for (uint32_t k = 1; k < L; k++) {
        uint32_t a = k * step;
        vib_angle_t once = vib_acute_angle(a), twice = vib_angle(2 * a), thrice = vib_angle(3 * a);
        for (complex_t *p = z + k; p < z + n; p += 4 * L) {
            butterfly(p, L, rotate(p[L], twice), rotate(p[2 * L], once), rotate(p[3 * L], thrice));
        }
    }
}

/* An odd power of two takes one radix-2 stage, first, where it costs no multiplication. */
static void radix2_stage(complex_t *z, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 2) {
        complex_t a = z[i], b = z[i + 1];
        z[i] = add(a, b);
        z[i + 1] = sub(a, b);
    }
}

/* Splits the transform of even + i * odd samples: E and O, then X[k] = E + W^k O and X[n/2 - k] = conj(E - W^k O). */
static void split(complex_t *z, unsigned log2n)
{
    uint32_t half = 1u << (log2n - 1);
    uint32_t step = VIB_TURN >> log2n;
    vib_i32_t r = z[0].re, i = z[0].im;
    z[0].re = r + i;
    z[0].im = r - i;
    for (uint32_t k = 1; k <= half / 2; k++) {
        complex_t p = z[k], q = z[half - k];
        complex_t e = { p.re + q.re, p.im - q.im };
        complex_t o = { p.im + q.im, q.re - p.re };
        complex_t w = rotate(o, vib_acute_angle(k * step));
        z[k].re = (e.re + w.re) >> 1;
        z[k].im = (e.im + w.im) >> 1;
        z[half - k].re = (e.re - w.re) >> 1;
        z[half - k].im = (w.im - e.im) >> 1;
    }
}

VIB_INTERNAL void vib_cfft_begin(vib_fft_t *t, vib_i32_t *data, unsigned log2n)
{
    t->data = data;
    t->joined = 0;
    t->log2n = (uint8_t)log2n;
    t->real = false;
}

VIB_INTERNAL void vib_rfft_begin(vib_fft_t *t, vib_i32_t *data, unsigned log2n)
{
    vib_cfft_begin(t, data, log2n - 1);
    t->real = true;
}

VIB_INTERNAL bool vib_fft_step(vib_fft_t *t)
{
    complex_t *z = (complex_t *)t->data;
    uint32_t n = 1u << t->log2n;
    if (t->joined == 0) {
        bit_reverse(z, t->log2n);
        if (t->log2n & 1) {
            radix2_stage(z, n);
        }
        t->joined = t->log2n & 1 ? 2 : 1;
    } else if (t->joined < n) {
        radix4_stage(z, n, t->joined);
        t->joined *= 4;
    } else {
        split(z, t->log2n + 1u);
        return true;
    }
    return t->joined >= n && !t->real;
}
