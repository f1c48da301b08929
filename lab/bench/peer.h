/*
 * The peer that the core is measured against: the same features in single-precision floating point, on emlearn's
 * eml_fft, written as one would who has no core. Window, hop, bands and formulas are those of docs/SPEC.md 1.2;
 * whatever does not depend on the samples is computed once, in peer_init.
 */
#ifndef PEER_H
#define PEER_H

#include <stdint.h>

#include "vib.h"

void peer_init(const vib_config_t *config);
/* All features of a window of frames, in the order and scale of the core but not rounded: out[vib_feature_count()]. */
void peer_features(const int16_t *frames, float *out);
/* The transform alone, of the samples that the last peer_features left. */
void peer_fft(void);

#endif
