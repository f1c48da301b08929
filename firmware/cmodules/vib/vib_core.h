/* What a core holds, shared by its source files. Not part of the contract of vib.h. */
#ifndef VIB_CORE_H
#define VIB_CORE_H

#include "vib.h"

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

/* One axis of a window, made to fill its words: y = (x - mean) * 2^shift, |y| < 2^16. */
typedef struct {
    unsigned shift;
    unsigned fine_shift; /* of the transform's input, which has room for more bits of the mean */
    int64_t mean;        /* of x, times 2^fine_shift */
    unsigned spectrum_shift; /* one count stands as 2^spectrum_shift in the transform's input */
    uint32_t peak;           /* largest |y| */
    uint64_t sum2, sum4;     /* of y^2, and of (y^2 / 64)^2, that is of y^4 / 2^12 */
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
    uint16_t bearing_bins[VIB_BEARING_FREQUENCIES]; /* the same in the envelope's spectrum */
    int32_t log2_lsb_um;  /* Q16: log2 of a count in um/s^2 */
    int32_t log2_bin_hz;  /* Q16: log2 of the bin spacing in Hz */
    int16_t *frames;      /* [window * axes] */
    int32_t *spectrum;    /* [window]: samples, then bins, then powers */
    int32_t *demodulated; /* [2 << envelope_log2n] */
};

/* Edges e[0..count] of log-spaced bands over bins lo .. hi, each at least one bin wide. lo, hi: log2 in Q16. */
void vib_band_edges(int32_t lo, int32_t hi, uint32_t count, uint16_t *edges);
/* Block of the axis whose first sample x points to, windowed into core->spectrum. False: every sample is the same. */
bool vib_block(vib_core_t *core, const int16_t *x, vib_block_t *block);
bool vib_has_bearing(const vib_config_t *config);
/* Levels of the shaft's harmonics. unit: log2 in Q16 of a spectrum count in um/s^2. */
void vib_order_levels(const vib_core_t *core, const uint64_t *power, int32_t unit, int16_t *out);
/* Modulation depths at the bearing's frequencies. bins: the envelope's spectrum, mean: log2 in Q16 of its bin 0. */
void vib_bearing_depths(const vib_core_t *core, const int32_t *bins, int32_t mean, int16_t *out);
/* Drops the oldest hop of frames. */
void vib_window_advance(vib_core_t *core);
/* Envelope band levels of the window whose bins stand in core->spectrum (before they become powers). */
void vib_envelope(vib_core_t *core, int16_t *out);

#endif
