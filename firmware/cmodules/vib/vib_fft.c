#include "vib_fft.h"
#include "vib_math.h"

typedef struct {
    int32_t re, im;
} complex_t;

/* z * e^(-i angle), the angle given by its cosine and sine in Q31. Two bits under the sum's are lost, of 30. */
static inline complex_t rotate(complex_t z, int32_t c, int32_t s)
{
    complex_t r;
    r.re = (int32_t)((uint32_t)(vib_mulh(z.re, c) + vib_mulh(z.im, s)) << 1);
    r.im = (int32_t)((uint32_t)(vib_mulh(z.im, c) - vib_mulh(z.re, s)) << 1);
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

static void bit_reverse(complex_t *z, unsigned log2n)
{
    uint32_t n = 1u << log2n;
    uint32_t j = 0;
    for (uint32_t i = 1; i < n; i++) {
        uint32_t bit = n >> 1;
        while (j & bit) {
            j ^= bit;
            bit >>= 1;
        }
        j |= bit;
        if (i < j) {
            complex_t t = z[i];
            z[i] = z[j];
            z[j] = t;
        }
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
        int32_t c1 = vib_quarter_sine[VIB_TURN / 4 - a], s1 = vib_quarter_sine[a];
        int32_t c2 = vib_cos_q31(2 * a), s2 = vib_sin_q31(2 * a);
        int32_t c3 = vib_cos_q31(3 * a), s3 = vib_sin_q31(3 * a);
        for (complex_t *p = z + k; p < z + n; p += 4 * L) {
            butterfly(p, L, rotate(p[L], c2, s2), rotate(p[2 * L], c1, s1), rotate(p[3 * L], c3, s3));
        }
    }
}

void vib_cfft(int32_t *data, unsigned log2n)
{
    complex_t *z = (complex_t *)data;
    uint32_t n = 1u << log2n;
    uint32_t L = 1;
    bit_reverse(z, log2n);
    if (log2n & 1) { /* an odd power of two takes one radix-2 stage, here where it costs no multiplication */
        for (uint32_t i = 0; i < n; i += 2) {
            complex_t a = z[i], b = z[i + 1];
            z[i] = add(a, b);
            z[i + 1] = sub(a, b);
        }
        L = 2;
    }
    for (; L < n; L *= 4) {
        radix4_stage(z, n, L);
    }
}

/* Splits the transform of even + i * odd samples: E and O, then X[k] = E + W^k O and X[n/2 - k] = conj(E - W^k O). */
void vib_rfft(int32_t *data, unsigned log2n)
{
    complex_t *z = (complex_t *)data;
    uint32_t half = 1u << (log2n - 1);
    uint32_t step = VIB_TURN >> log2n;
    vib_cfft(data, log2n - 1);

    int32_t r = z[0].re, i = z[0].im;
    z[0].re = r + i;
    z[0].im = r - i;
    for (uint32_t k = 1; k <= half / 2; k++) {
        complex_t p = z[k], q = z[half - k];
        complex_t e = { p.re + q.re, p.im - q.im };
        complex_t o = { p.im + q.im, q.re - p.re };
        complex_t w = rotate(o, vib_quarter_sine[VIB_TURN / 4 - k * step], vib_quarter_sine[k * step]);
        z[k].re = (e.re + w.re) >> 1;
        z[k].im = (e.im + w.im) >> 1;
        z[half - k].re = (e.re - w.re) >> 1;
        z[half - k].im = (w.im - e.im) >> 1;
    }
}
