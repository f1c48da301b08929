/*
 * vib: vibration features and anomaly models in integer arithmetic.
 *
 * This header is the contract. The core uses no float, no libm, no malloc and no I/O, keeps no state outside the
 * memory that the caller hands it, and gives the same bits on every target. docs/SPEC.md states every formula.
 *
 * Life of a core:
 *     size_t need;
 *     vib_core_size(&config, &need);               // how much memory
 *     vib_core_init(memory, need, &config, &core); // 8-byte aligned memory, kept by the caller for the core's life
 *     while (n) {                                  // as n frames come: a push stops at a complete window
 *         vib_core_push(core, frames, n, &taken);
 *         frames += taken * config.axes;
 *         n -= taken;
 *         if (vib_core_ready(core)) vib_core_features(core, out, vib_feature_count(&config));
 *     }
 *
 * Feature scale: "log2 re U" is round(256 * log2(value / U)): 256 steps an octave, 0.0235 dB a step.
 */
#ifndef VIB_H
#define VIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIB_CORE_VERSION 1    /* changes when any result of the core changes */
#define VIB_FEATURE_VERSION 3 /* changes when the list, order or scale of features changes */

#define VIB_MIN_WINDOW 64
#define VIB_MAX_WINDOW 4096
#define VIB_MAX_AXES 3
#define VIB_MAX_HOP 1000000
#define VIB_MAX_BANDS 32
#define VIB_MAX_ENVELOPE_BANDS 16
#define VIB_MAX_ORDERS 8
#define VIB_MAX_OCTAVES 8 /* of orders, and of the envelope's orders */
#define VIB_MESHES 3
#define VIB_MAX_COURSE 16 /* parts of a window between speeds */
#define VIB_BEARING_FREQUENCIES 4
#define VIB_MAX_INPUTS 128 /* inputs of an anomaly model, and of a classifier */
#define VIB_MAX_COMPONENTS 8 /* Gaussians of an anomaly model */
#define VIB_MAX_CLASSES 32 /* classes of a fault classifier */
#define VIB_MAX_NODES 32767 /* of a forest */
#define VIB_MAX_AVERAGE 64 /* windows in a mean */
#define VIB_FEATURE_NAME_SIZE 24

#if defined(__GNUC__)
#define VIB_CHECKED __attribute__((warn_unused_result))
#else
#define VIB_CHECKED
#endif

/* Every error is negative. vib_error_text() says in one line what would be accepted. */
typedef enum {
    VIB_OK = 0,
    VIB_ERR_RATE = -1,
    VIB_ERR_WINDOW = -2,
    VIB_ERR_HOP = -3,
    VIB_ERR_AXES = -4,
    VIB_ERR_LSB = -5,
    VIB_ERR_BANDS = -6,
    VIB_ERR_BAND_RANGE = -7,
    VIB_ERR_ENVELOPE_BANDS = -8,
    VIB_ERR_ENVELOPE_RANGE = -9,
    VIB_ERR_MEMORY = -10,       /* too little memory, or not 8-byte aligned */
    VIB_ERR_LENGTH = -11,       /* an array is not as long as the configuration asks */
    VIB_ERR_NOT_READY = -12,    /* no whole window is held */
    VIB_ERR_MODEL_FORMAT = -13, /* not a model, damaged, or cut short */
    VIB_ERR_MODEL_VERSION = -14,/* made for another core or feature version */
    VIB_ERR_MODEL_FIELD = -15,  /* an index, count or link in the model is out of range */
    VIB_ERR_NO_CLASSES = -16,   /* the model has no classifier */
    VIB_ERR_FORMAT = -17,       /* a raw sample format that no chip has */
    VIB_ERR_ORDERS = -18,
    VIB_ERR_BEARING = -19,
    VIB_ERR_BY_ANGLE = -20,
    VIB_ERR_SLOW = -22,
    VIB_ERR_COURSE = -21,       /* the speed within a window moves too far, or stands still */
} vib_status_t;

/* Units and ranges; vib_config_check() holds them. */
typedef struct {
    uint32_t rate_millihz;   /* sample rate of one axis, 1/1000 Hz: 1,000 .. 100,000,000 */
    uint32_t window;         /* frames in a window, a power of two: 64 .. 4096 */
    uint32_t hop;            /* frames from one window's start to the next's: 1 .. 1,000,000 */
    uint32_t axes;           /* 1 .. 3 */
    uint32_t lsb_nm_s2;      /* acceleration of one count, nm/s^2: 1 .. 4,000,000,000 */
    uint32_t bands;          /* log-spaced bands per axis: 1 .. 32 */
    uint32_t band_lo_hz;     /* lower edge of the first band: at least rate / window */
    uint32_t band_hi_hz;     /* upper edge of the last band: at most rate / 2, a bin or more per band */
    uint32_t envelope_bands; /* bands of the envelope spectrum per axis: 0 (off) .. 16 */
    uint32_t envelope_lo_hz; /* pass band of the envelope: at most rate / 4 wide and */
    uint32_t envelope_hi_hz; /*   at most rate / 2; 3 bins or more wider than envelope_bands */
    uint32_t orders;         /* harmonics of the shaft per axis, once its speed is told: 0 .. 8 */
    uint32_t bpfo_milliorders; /* a bearing's frequencies, 1/1000 of the shaft's: outer race, */
    uint32_t bpfi_milliorders; /*   inner race, */
    uint32_t bsf_milliorders;  /*   rolling element */
    uint32_t ftf_milliorders;  /*   and cage; 0 .. 50,000 each, all 0 for no bearing, else with an envelope */
    uint32_t by_angle; /* 1: orders and bearing from samples resampled by the shaft's angle, and what follows */
    uint32_t order_bands; /* octaves of orders per axis: 0 .. 8 */
    uint32_t order_envelope_bands; /* octaves of orders in the envelope's spectrum per axis: 0 .. 8, with an envelope */
    uint32_t order_lo_milliorders; /* lower edge of the first of both: 1 .. 50,000; 0 where there are none */
    uint32_t mesh1_milliorders; /* gear meshes: 0 .. 4,000,000, and 0 for none; the first ones are used first */
    uint32_t side1_milliorders; /* how far its side bands are apart: 0 (none) .. the mesh */
    uint32_t mesh2_milliorders;
    uint32_t side2_milliorders;
    uint32_t mesh3_milliorders;
    uint32_t side3_milliorders;
    /* Samples in a window of 0.1 to 10 Hz, a power of two: 0 (off), 512 .. the window, 10 times its rate at least; that
     * is 48 to 96 Hz, rate / 2^n. The hop is no longer than the window. */
    uint32_t slow_window;
    uint32_t slow_bands; /* log-spaced bands from 0.1 to 10 Hz: 1 .. 32; 0 without a slow window */
    uint32_t slow_orders; /* harmonics of the shaft in it: 0 .. 8 */
} vib_config_t;

typedef struct vib_core vib_core_t; /* opaque; lives in the caller's memory */

/* --- configuration ------------------------------------------------------------------------------------------- */

VIB_CHECKED int vib_config_check(const vib_config_t *config); /* VIB_OK, or the first field out of range */
const char *vib_error_text(int status);
size_t vib_feature_count(const vib_config_t *config); /* length of a feature vector; config must be valid */
/* Name of feature `index`, such as "x.band03", into name[VIB_FEATURE_NAME_SIZE]. */
VIB_CHECKED int vib_feature_name(const vib_config_t *config, size_t index, char *name);

/* --- stream: frames in, windows out -------------------------------------------------------------------------- */

VIB_CHECKED int vib_core_size(const vib_config_t *config, size_t *bytes);
VIB_CHECKED int vib_core_init(void *memory, size_t bytes, const vib_config_t *config, vib_core_t **core);
/* Takes up to n frames (axes samples each) and stops at a complete window; *taken says how many were taken. */
void vib_core_push(vib_core_t *core, const int16_t *frames, size_t n, size_t *taken);

/* How a chip's FIFO holds a sample. Samples of more than 16 bits are rounded to 16: a count is then 2^(bits - 16) of
 * the chip's own. */
typedef struct {
    uint8_t bits; /* significant bits: 8 .. 24 */
    uint8_t sample_bytes; /* bytes that a sample takes: 2 or 3, bits / 8 or more */
    bool big_endian;
    bool left_justified; /* the unused bits are the lowest ones; else the highest */
    uint8_t skip_bytes; /* bytes before each frame that are no samples, such as a FIFO tag: 0 .. 8 */
} vib_format_t;

/* Slow windows, whose features the last ones are, since the start or the last gap; 0: they are not known and are 0. */
uint32_t vib_core_slow_windows(const vib_core_t *core);

VIB_CHECKED int vib_format_check(const vib_format_t *format);
size_t vib_format_frame_bytes(const vib_format_t *format, uint32_t axes);
/* vib_core_push() of n frames as they come off the bus. */
VIB_CHECKED int vib_core_push_raw(vib_core_t *core, const vib_format_t *format, const uint8_t *data, size_t n,
                                  size_t *taken);
/* Counts from which on a sample, of either sign, is clipped: 1 .. 32768; 0: none is. */
void vib_core_set_full_scale(vib_core_t *core, uint32_t counts);
/* Clipped samples among those taken since the last time that this was asked. */
uint32_t vib_core_clipped(vib_core_t *core);
bool vib_core_ready(const vib_core_t *core); /* a whole window is held: ask for its features before pushing on */
void vib_core_gap(vib_core_t *core); /* samples were lost here: forget the partial window */
/* The rate at which samples really come, which is off the nominal one by per cents on most chips: bands and lines are at
 * their frequencies by it from here on. Tell it between two windows, and the shaft's speed anew. Nothing changes where
 * the configuration would not hold at that rate, or would take more memory. */
VIB_CHECKED int vib_core_set_rate(vib_core_t *core, uint32_t rate_millihz);
/* Speed of the shaft from here on, 1/1000 Hz; 0: not known, and the features that need it are 0. */
void vib_core_set_shaft(vib_core_t *core, uint32_t shaft_millihz);
/* The same of a speed that moves: n speeds (2, 3, 5, 9 or 17), evenly spaced from the begin of the window held to its end
 * and linear between. Tell it for each window. Where the highest is over 5/4 of the lowest, or one is 0 or over
 * 100,000,000, the answer is VIB_ERR_COURSE and the speed is not known. */
VIB_CHECKED int vib_core_set_course(vib_core_t *core, const uint32_t *shaft_millihz, size_t n);
/* Features of the window held, then moves on by one hop. out[n], n = vib_feature_count(). */
VIB_CHECKED int vib_core_features(vib_core_t *core, int16_t *out, size_t n);
/* The same in steps, for whoever has a FIFO to read in between: as many of them as take about `work` instructions, but
 * one at least; *done says that all features are there. Until then `out` is the core's and stays the same array.
 * vib_core_push() takes frames meanwhile, as far as the core has room beyond the window; so does vib_core_gap(), which
 * gives the window up. The shaft's speed is to be told before the first step. */
VIB_CHECKED int vib_core_step(vib_core_t *core, int16_t *out, size_t n, uint32_t work, bool *done);

/* --- model: a feature vector in, a score and a class out ------------------------------------------------------ */

/* A node of a tree: inputs[input] < threshold goes left. A link < 0 is a leaf, what it holds is -1 - link: a class,
 * or a path length. */
typedef struct {
    int16_t input;
    int16_t threshold;
    int16_t left; /* index of a later node of the same tree, or a leaf */
    int16_t right;
} vib_node_t;

typedef struct {
    uint32_t n_trees;
    const uint16_t *roots; /* [n_trees] index of each tree's first node, the first 0, rising: trees lie end to end */
    uint32_t n_nodes; /* 0 .. VIB_MAX_NODES */
    const vib_node_t *nodes;
} vib_forest_t;

/* What scores. Mahalanobis distance is VIB_GAUSSIAN with one component of mean and offset 0. */
typedef enum {
    VIB_GAUSSIAN = 1, /* a distance from n_components Gaussians, taken together by their density */
    VIB_ISOLATION = 2, /* an isolation forest: how few cuts set a window apart */
} vib_anomaly_t;

/* What the operating points are of that a model's line goes along. */
typedef enum {
    VIB_LINE_NONE = 0, /* no line is known: it is flat */
    VIB_LINE_SPEED = 1, /* logarithm of the shaft's speed */
    VIB_LINE_LOAD = 2, /* load, where the speed is one: 256 thousandths of the rated load stand for an octave */
    VIB_LINE_FOUND = 3, /* nobody knew them: an octave is half of what the training conditions span */
    VIB_LINE_HEARD = 4, /* the shaft's speed, which the strongest lines of two axes tell */
} vib_line_t;

/*
 * Inputs of a model are differences d: feature minus the learnt baseline, or minus `centre` where none was learnt.
 * Without a baseline every model scores in one way: d, less what the speed that best explains it accounts for, in units of
 * what healthy machines and conditions differ by.
 * A Gaussian: z = whiten * (d - mean) (lower triangular, packed by rows) >> whiten_shift, in 2^-12 standard
 * deviations; distance^2 = sum(z^2) + offset.
 */
typedef struct {
    uint32_t core_version;
    uint32_t feature_version;
    vib_config_t config;
    uint8_t digest[8]; /* first bytes of the SHA-256 of the data that it was made from */
    const char *name;
    const int16_t *centre; /* [vib_feature_count(&config)] mean of the healthy training windows */
    uint32_t n_inputs; /* 1 .. VIB_MAX_INPUTS */
    const uint16_t *inputs; /* [n_inputs] feature indexes of the anomaly model */
    const int16_t *slopes; /* [n_inputs] how inputs move with the shaft's speed, steps an octave; 0: not known */
    const int32_t *speed_gains; /* [n_inputs] octaves of speed that a step of each input tells, 2^-28, under 2^24 */
    const uint16_t *cold_weights; /* [n_inputs] 2^20 over the steps that healthy conditions differ by */
    const int16_t *line; /* [vib_feature_count(&config)] how features move along operating points, steps an octave */
    const uint16_t *far_weights; /* [n_inputs] 2^20 over the steps that a machine may be off, far from what it learnt */
    uint32_t anomaly; /* vib_anomaly_t; says which of the next two groups is used */
    uint32_t n_components; /* 1 .. VIB_MAX_COMPONENTS */
    const int16_t *means; /* [n_components * n_inputs] */
    const uint16_t *whiten_shifts; /* [n_components] 0 .. 31 */
    const uint32_t *offsets; /* [n_components] squared distance, 2^-16: more the rarer and the wider; one is 0 */
    const int32_t *whiten; /* [n_components * n_inputs * (n_inputs + 1) / 2], each under 2^24 */
    vib_forest_t paths; /* leaves are path lengths in 2^-10 */
    uint32_t path_scale; /* score steps of 2^-10 in one tree's path, 2^-28: 2^29 / (n_trees * average path) */
    uint32_t n_classes; /* 0 (no classifier) .. VIB_MAX_CLASSES; class 0 is healthy */
    const char *const *classes; /* [n_classes], or NULL where class_text serves */
    const char *class_text; /* n_classes zero-terminated names one after the other, or NULL */
    uint32_t n_tree_inputs; /* 1 .. VIB_MAX_INPUTS */
    const uint16_t *tree_inputs; /* [n_tree_inputs] feature indexes of the classifier */
    vib_forest_t trees; /* leaves are classes */
    int32_t (*predict)(const int16_t *inputs, int32_t n); /* the trees as inline C: then `trees` is empty */
    int16_t warning; /* scores at and over which the detector counts */
    int16_t alarm;
    int16_t hysteresis; /* score steps under a threshold at which it counts back */
    int16_t off_rms; /* largest axis rms feature under which no machine runs: the sensor's own noise */
    int16_t dwell_windows; /* windows over the warning threshold before an alert is raised */
    int16_t alarm_dwell_windows; /* windows over the alarm threshold before one of level alarm is; 0: as many */
    int16_t clear_windows; /* windows under it before the alert is cleared */
    int16_t quiet_rms; /* the same level under which no machine was trained on */
    int16_t off_below; /* steps under the learnt baseline's at which that machine is off */
    int16_t average_windows; /* 1 .. VIB_MAX_AVERAGE: windows whose mean is scored */
    int16_t speed_low; /* trained range of the speed that inputs tell, 1/256 octave from the centre's */
    int16_t speed_high;
    uint32_t shaft_low_millihz; /* trained range of speeds of the shaft, 0 where none was told */
    uint32_t shaft_high_millihz;
    uint16_t line_over; /* vib_line_t: what the octaves of `line` are of */
    int16_t line_middle; /* operating point of `centre`: 1/256 octave re 1 mHz, or thousandths of the rated load */
    int16_t reach; /* 1/256 octave from what was learnt to where `far_weights` hold alone; 0: it holds all over */
} vib_model_t;

/* Fills *model from a package's model.bin (SPEC.md 2.1) with pointers into data, which the caller keeps; it must be
 * 4-byte aligned. Length, CRC, versions and every index in it are checked. */
VIB_CHECKED int vib_model_load(const void *data, size_t bytes, vib_model_t *model);
VIB_CHECKED int vib_model_check(const vib_model_t *model); /* versions, ranges, links */
const char *vib_model_class(const vib_model_t *model, uint32_t index); /* name of a class, or NULL */
/* Gaussian: *score = round(256 * log2(distance / sqrt(n_inputs))), limited to -2048 .. 32767. Isolation forest:
 * round(2048 * (1 - path / average path)), -2048 .. 2048. baseline may be NULL. */
VIB_CHECKED int vib_model_score(const vib_model_t *model, const int16_t *features, size_t n, const int16_t *baseline,
                                int16_t *score);
/* *outside: no baseline is learnt, and the window is like a healthy one at a speed that was not trained on. */
VIB_CHECKED int vib_model_outside(const vib_model_t *model, const int16_t *features, size_t n, bool *outside);
/* *octaves: where on the line the features lie best, 1/256 octave from the centre's place. */
VIB_CHECKED int vib_model_place(const vib_model_t *model, const int16_t *features, size_t n, int16_t *octaves);
/* The score of a machine far from what it has learnt: `usual` is what its own features would be there by the line. */
VIB_CHECKED int vib_model_far(const vib_model_t *model, const int16_t *features, size_t n, const int16_t *usual,
                              int16_t *score);
VIB_CHECKED int vib_model_classify(const vib_model_t *model, const int16_t *features, size_t n, const int16_t *baseline,
                                   uint32_t *class_index);

#endif
