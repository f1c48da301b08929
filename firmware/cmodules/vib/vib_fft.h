/* The Fourier transforms of the core. Not part of the contract of vib.h. */
#ifndef VIB_FFT_H
#define VIB_FFT_H

#include "vib_lane.h"

/* A transform under way: it goes in steps, so that others may have the processor between two. */
typedef struct {
    vib_i32_t *data;
    uint32_t joined; /* points of the transforms that are done so far; 0: not yet put in order */
    uint8_t log2n;   /* of the complex transform */
    bool real;
} vib_fft_t;

/*
 * Complex transform in place: 2^log2n points, re and im interleaved, log2n 1 .. 11.
 * No scaling; the caller keeps sum(|re| + |im|) over all points at 2^29 or less.
 */
VIB_INTERNAL void vib_cfft_begin(vib_fft_t *t, vib_i32_t *data, unsigned log2n);

/*
 * Real transform in place: 2^log2n samples in, log2n 2 .. 12; out bin 0 (real), bin n/2 (real), then re, im of bins
 * 1 .. n/2 - 1. No scaling; the caller keeps sum(|x|) at 2^29 or less.
 */
VIB_INTERNAL void vib_rfft_begin(vib_fft_t *t, vib_i32_t *data, unsigned log2n);

/* One pass over the data. Returns whether the transform is done. */
VIB_INTERNAL bool vib_fft_step(vib_fft_t *t);

#endif
