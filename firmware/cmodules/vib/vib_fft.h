/* The Fourier transforms of the core. Not part of the contract of vib.h. */
#ifndef VIB_FFT_H
#define VIB_FFT_H

#include "vib_lane.h"

/*
 * Complex transform in place: 2^log2n points, re and im interleaved, log2n 1 .. 11.
 * No scaling; the caller keeps sum(|re| + |im|) over all points at 2^29 or less.
 */
VIB_INTERNAL void vib_cfft(vib_i32_t *data, unsigned log2n);

/*
 * Real transform in place: 2^log2n samples in, log2n 2 .. 12; out bin 0 (real), bin n/2 (real), then re, im of bins
 * 1 .. n/2 - 1. No scaling; the caller keeps sum(|x|) at 2^29 or less.
 */
VIB_INTERNAL void vib_rfft(vib_i32_t *data, unsigned log2n);

#endif
