/* What a core holds, shared by its source files. Not part of the contract of vib.h. */
#ifndef VIB_CORE_H
#define VIB_CORE_H

#include "vib.h"
#include "vib_fft.h"
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

/* A gear mesh, and how far its side bands are apart: 1/1000 of the shaft's speed. */
typedef struct {
    uint32_t order, side;
} vib_mesh_t;

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

/* One axis of a window on its way to features. */
typedef struct {
    const vib_sample_t *x;
    uint32_t stride; /* samples between two of the axis' own */
    vib_feature_t *out;
    unsigned step;
    vib_fft_t fft;
    vib_i32_t differ; /* false where every sample is the same */
    vib_u64_t sum;    /* of the band range's powers */
    vib_block_t block;
} vib_axis_t;

typedef struct vib_slow vib_slow_t;

struct vib_core {
    vib_config_t config;
    uint32_t held;        /* frames in the window so far; more than a window while its features are under way */
    uint32_t spare;       /* frames that there is room for beyond a window */
    uint32_t axis;        /* whose features are under way */
    bool stepping;        /* features are under way */
    int32_t full_scale;   /* counts from which on a sample is clipped; 0: none is */
    uint32_t clipped;     /* samples since vib_core_clipped() was asked */
    uint32_t skip;        /* frames still to pass over, where the hop is longer than the window */
    unsigned log2n;       /* log2 of the window */
    vib_bins_t velocity;  /* bins of 10 to 1000 Hz; empty where the rate has none */
    vib_bins_t envelope;  /* bins of the pass band */
    unsigned envelope_log2n; /* log2 of the envelope's transform: twice the pass band or more */
    uint16_t edges[VIB_MAX_BANDS + 1];
    uint16_t envelope_edges[VIB_MAX_ENVELOPE_BANDS + 1];
    uint16_t order_bins[VIB_MAX_ORDERS];            /* nearest bin of each harmonic; 0: outside, or no speed */
    uint16_t bearing_bins[VIB_BEARING_FREQUENCIES][VIB_BEARING_HARMONICS]; /* the same in the envelope's spectrum */
    uint32_t shaft_millihz; /* mean over the window, 0: not known */
    unsigned course_log2;   /* of the parts of a window between speeds */
    uint32_t course[VIB_MAX_COURSE + 1]; /* speeds over their mean, Q30 */
    int32_t log2_lsb_um;  /* Q16: log2 of a count in um/s^2 */
    int32_t log2_bin_hz;  /* Q16: log2 of the bin spacing in Hz */
    int16_t *frames;      /* [window * axes] */
    vib_i32_t *spectrum;  /* [window]: samples, then bins, then powers */
    vib_i32_t *demodulated; /* [2 << envelope_log2n] */
    vib_slow_t *slow;       /* the decimated path; NULL: none */
    vib_axis_t *under_way;  /* of one number a window, whatever the lanes */
};

#define VIB_CIC_LOG2 5      /* most that the integrators divide the rate by, so that their sums fit */
#define VIB_LEAST_HALVES 3
#define VIB_MAX_HALVES 6
#define VIB_TAPS_HALF 11

/* What is between the sensor's rate and the slow one, of an axis. */
typedef struct {
    uint32_t sum[3], last[3];
    int32_t line[VIB_MAX_HALVES][VIB_TAPS_HALF];
} vib_decimator_t;

/* A core of its own, of decimated samples: it takes their rate for a hundred times as much, so that 0.1 to 10 Hz are its
 * 10 to 1000. */
struct vib_slow {
    vib_core_t *core;
    int16_t *features; /* of its last window */
    uint32_t windows;  /* so many */
    uint32_t count;    /* frames taken */
    uint32_t halves, log2; /* the rate is divided by 2^log2, 2^halves of it by filters */
    vib_decimator_t axis[VIB_MAX_AXES];
};

/* log2 of what a configuration's rate is divided by, and the slow core's configuration. */
uint32_t vib_slow_log2(const vib_config_t *config);
vib_config_t vib_slow_config(const vib_config_t *config, uint32_t log2);
/* Frames come, are lost, or have passed: the same for the slow path. */
void vib_slow_push(vib_slow_t *slow, const int16_t *frames, size_t n);
void vib_slow_gap(vib_slow_t *slow);
/* About `work` instructions of a slow window's features, if one is whole; whether nothing is left to do. */
bool vib_slow_step(vib_slow_t *slow, uint32_t work);
/* Its features behind each axis' own. */
void vib_slow_features(const vib_core_t *core, int16_t *out);

bool vib_has_bearing(const vib_config_t *config);
/* How many gear meshes a configuration has, and one of them. */
uint32_t vib_meshes(const vib_config_t *config);
vib_mesh_t vib_mesh(const vib_config_t *config, uint32_t index);
/* Bin nearest to an order of the shaft; 0 where that is over `highest`, or the speed not known. */
uint16_t vib_nearest_bin(const vib_core_t *core, uint32_t milliorders, uint32_t highest);
/* Begin with the axis whose first sample x points to, `stride` samples between two of its own. */
VIB_INTERNAL void vib_axis_begin(vib_axis_t *a, const vib_sample_t *x, uint32_t stride, vib_feature_t *out);
/* Its next step. Returns whether all features of the axis are there. */
VIB_INTERNAL bool vib_axis_step(vib_core_t *core, vib_axis_t *a);
#ifndef VIB_LANES
/* Instructions that the next step takes, about. */
VIB_INTERNAL uint32_t vib_axis_cost(const vib_core_t *core, const vib_axis_t *a);
#endif

/* --- the steps' parts; logarithms are in Q16, unit is log2 of a spectrum count in um/s^2 --- */

/* Mean and headroom of an axis. Where every sample is the same, the answer is false. */
VIB_INTERNAL vib_i32_t vib_block_scan(const vib_core_t *core, const vib_sample_t *x, uint32_t stride,
                                      vib_block_t *block);
/* The block, windowed, into core->spectrum; and its moments. */
VIB_INTERNAL void vib_block_fill(vib_core_t *core, const vib_sample_t *x, uint32_t stride, vib_block_t *block);
VIB_INTERNAL void vib_time_domain(const vib_core_t *core, const vib_block_t *block, vib_feature_t *out);
/* The pass band of core->spectrum's bins to the front of core->demodulated. */
VIB_INTERNAL void vib_demodulate(vib_core_t *core);
/* core->demodulated, a complex signal, to its squared magnitude. */
VIB_INTERNAL void vib_squared_magnitude(vib_core_t *core);
/* Envelope bands, and the bearing's lines, of the spectrum in core->demodulated. */
VIB_INTERNAL void vib_modulation(const vib_core_t *core, vib_feature_t *out);
/* Depth of a modulation whose bins' powers add up to sum; mean: log2 of the spectrum's bin 0. */
VIB_INTERNAL vib_feature_t vib_depth(vib_u64_t sum, vib_i32_t mean);
/* core->spectrum, bins, to powers; from here on the rest reads those. */
VIB_INTERNAL void vib_powers(vib_core_t *core);
/* Levels of bands and of the shaft's harmonics. Returns the sum of the band range's powers. */
VIB_INTERNAL vib_u64_t vib_levels(const vib_core_t *core, vib_i32_t unit, vib_feature_t *out);
VIB_INTERNAL void vib_velocity(const vib_core_t *core, vib_i32_t unit, vib_feature_t *out);
/* The strongest line, and the centroid. */
VIB_INTERNAL void vib_line(const vib_core_t *core, vib_i32_t unit, vib_u64_t sum, vib_feature_t *out);
VIB_INTERNAL void vib_flatness(const vib_core_t *core, vib_u64_t sum, vib_feature_t *out);
/* Levels of the shaft's harmonics. unit: log2 of a spectrum count in um/s^2. */
VIB_INTERNAL void vib_order_levels(const vib_core_t *core, const vib_u64_t *power, vib_i32_t unit, vib_feature_t *out);
/* How far the bearing's frequencies stand out. bins: the envelope's spectrum, mean: log2 of its bin 0. */
VIB_INTERNAL void vib_bearing_lines(const vib_core_t *core, const vib_i32_t *bins, vib_i32_t mean, vib_feature_t *out);

/* --- by the shaft's angle (vib_angle.c): transforms and levels as above, of samples at even angles --- */

/* The axis into core->spectrum, windowed. */
void vib_turn(vib_core_t *core, const int16_t *x, uint32_t stride, const vib_block_t *block);
/* The squared envelope in the first half of core->demodulated into the second. */
void vib_turn_envelope(vib_core_t *core);
/* What its spectrum, in the second half of core->demodulated, and the powers in core->spectrum give. out: an axis' own
 * features. */
void vib_turned_modulation(const vib_core_t *core, int16_t *out);
void vib_turned_levels(const vib_core_t *core, int32_t unit, int16_t *out);

/* log2(16/3), Q16: one-sided mean square of a Hann spectrum is 16/3 sum(P) / N^2 */
#define VIB_LOG2_16_3 158268
/* A logarithm as a feature, 256 steps an octave, rounded; a level is not under 0. */
VIB_INTERNAL vib_feature_t vib_ratio(vib_i32_t log2);
VIB_INTERNAL vib_feature_t vib_level(vib_i32_t log2);
/* RMS level of bins whose powers add up to sum; 0 where they are all 0. */
VIB_INTERNAL vib_feature_t vib_band_level(const vib_core_t *core, vib_u64_t sum, vib_i32_t unit);
#endif
