/* What a core holds, shared by its source files. Not part of the contract of vib.h. */
#ifndef VIB_CORE_H
#define VIB_CORE_H

#include "vib.h"
#include "vib_lane.h"

enum {
#define VIB_FEATURE(name, unit, meaning) VIB_F_##name,
#include "vib_features.def"
#undef VIB_FEATURE
    VIB_F_COUNT
};

/* Bins [lo, hi) of a spectrum. */
typedef struct {
    uint16_t lo, hi;
} vib_bins_t;

#define VIB_BEARING_HARMONICS 3 /* of each of a bearing's frequencies */

/* One axis of a window, made to fill its words: y = (x - mean) * 2^shift, |y| < 2^16. */
typedef struct {
    vib_u32_t shift;
    vib_u32_t fine_shift; /* of the transform's input, which has room for more bits of the mean */
    vib_u32_t mean;       /* of x, times 2^fine_shift, modulo 2^32 */
    vib_u32_t spectrum_shift; /* one count stands as 2^spectrum_shift in the transform's input */
    vib_u32_t peak;           /* largest |y| */
    vib_u64_t sum2, sum4;     /* of y^2, and of (y^2 / 64)^2, that is of y^4 / 2^12 */
} vib_block_t;

struct vib_core {
    vib_config_t config;
    uint32_t held;        /* frames in the window so far */
    uint32_t skip;        /* frames still to pass over, where the hop is longer than the window */
    unsigned log2n;       /* log2 of the window */
    vib_bins_t velocity;  /* bins of 10 to 1000 Hz; empty where the rate has none */
    vib_bins_t envelope;  /* bins of the pass band */
    unsigned envelope_log2n; /* log2 of the envelope's transform: twice the pass band or more */
    uint16_t edges[VIB_MAX_BANDS + 1];
    uint16_t envelope_edges[VIB_MAX_ENVELOPE_BANDS + 1];
    uint16_t order_bins[VIB_MAX_ORDERS];            /* nearest bin of each harmonic; 0: outside, or no speed */
    uint16_t bearing_bins[VIB_BEARING_FREQUENCIES][VIB_BEARING_HARMONICS]; /* the same in the envelope's spectrum */
    int32_t log2_lsb_um;  /* Q16: log2 of a count in um/s^2 */
    int32_t log2_bin_hz;  /* Q16: log2 of the bin spacing in Hz */
    int16_t *frames;      /* [window * axes] */
    vib_i32_t *spectrum;  /* [window]: samples, then bins, then powers */
    vib_i32_t *demodulated; /* [2 << envelope_log2n] */
};

bool vib_has_bearing(const vib_config_t *config);
/* Features of the axis whose first sample x points to, `stride` samples between two of its own. */
VIB_INTERNAL void vib_axis_features(vib_core_t *core, const vib_sample_t *x, uint32_t stride, vib_feature_t *out);

/* --- its steps; logarithms are in Q16 --- */

/* Block of an axis, windowed into core->spectrum. Where every sample is the same, the answer is false. */
VIB_INTERNAL vib_i32_t vib_block(vib_core_t *core, const vib_sample_t *x, uint32_t stride, vib_block_t *block);
/* Envelope band levels of the window whose bins stand in core->spectrum (before they become powers). */
VIB_INTERNAL void vib_envelope(vib_core_t *core, vib_feature_t *out);
/* Levels of the shaft's harmonics. unit: log2 of a spectrum count in um/s^2. */
VIB_INTERNAL void vib_order_levels(const vib_core_t *core, const vib_u64_t *power, vib_i32_t unit, vib_feature_t *out);
/* How far the bearing's frequencies stand out. bins: the envelope's spectrum, mean: log2 of its bin 0. */
VIB_INTERNAL void vib_bearing_lines(const vib_core_t *core, const vib_i32_t *bins, vib_i32_t mean, vib_feature_t *out);

/* log2(16/3), Q16: one-sided mean square of a Hann spectrum is 16/3 sum(P) / N^2 */
#define VIB_LOG2_16_3 158268
/* A logarithm as a feature, 256 steps an octave, rounded; a level is not under 0. */
VIB_INTERNAL vib_feature_t vib_ratio(vib_i32_t log2);
VIB_INTERNAL vib_feature_t vib_level(vib_i32_t log2);
/* RMS level of bins whose powers add up to sum; 0 where they are all 0. */
VIB_INTERNAL vib_feature_t vib_band_level(const vib_core_t *core, vib_u64_t sum, vib_i32_t unit);
#endif
