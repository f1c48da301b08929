#include "vib_core.h"
#include "vib_math.h"

#include <string.h>

#define SCORE_MIN (-2048)
#define WHITEN_MAX (1 << 24)
#define PROJECTION_MAX (1 << 26) /* 2^14 standard deviations in Q12: as far away as can be told */
#define GAIN_MAX (1 << 24)
#define SHIFT_MAX (1 << 21) /* 32 octaves of speed in Q16 */
#define PATH_STEPS 2048          /* score of an isolation forest from the average path down to none */
#define PATH_LEAVES 32768        /* every link below 0 is a path length */

static int16_t saturate(int32_t v)
{
    return (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
}

static bool sound_inputs(const uint16_t *inputs, uint32_t n, size_t n_features)
{
    bool sound = n >= 1 && n <= VIB_MAX_INPUTS;
    for (uint32_t i = 0; sound && i < n; i++) {
        sound = inputs[i] < n_features;
    }
    return sound;
}

/* Nodes first .. end - 1 as one tree: links lead forward within it, so every walk ends. */
static bool sound_tree(const vib_node_t *nodes, int32_t first, int32_t end, uint32_t n_inputs, int32_t n_leaves)
{
    for (int32_t i = first; i < end; i++) {
        const vib_node_t *node = &nodes[i];
        if (node->input < 0 || (uint32_t)node->input >= n_inputs) {
            return false;
        }
        for (int side = 0; side < 2; side++) {
            int32_t link = side ? node->right : node->left;
            if (link < 0 ? -1 - link >= n_leaves : link <= i || link >= end) {
                return false;
            }
        }
    }
    return first < end;
}

static bool sound_forest(const vib_forest_t *f, uint32_t n_inputs, int32_t n_leaves)
{
    if (f->n_trees < 1 || f->n_nodes > VIB_MAX_NODES || f->n_trees > f->n_nodes || f->roots[0] != 0) {
        return false;
    }
    for (uint32_t i = 0; i < f->n_trees; i++) {
        uint32_t end = i + 1 < f->n_trees ? f->roots[i + 1] : f->n_nodes;
        if (end > f->n_nodes || !sound_tree(f->nodes, f->roots[i], (int32_t)end, n_inputs, n_leaves)) {
            return false;
        }
    }
    return true;
}

static size_t triangle(const vib_model_t *m)
{
    return m->n_inputs * (m->n_inputs + 1) / 2;
}

static bool sound_gaussians(const vib_model_t *m)
{
    if (m->n_components < 1 || m->n_components > VIB_MAX_COMPONENTS) {
        return false;
    }
    for (uint32_t k = 0; k < m->n_components; k++) {
        if (m->whiten_shifts[k] > 31) {
            return false;
        }
    }
    for (size_t i = 0; i < m->n_components * triangle(m); i++) {
        if (m->whiten[i] >= WHITEN_MAX || m->whiten[i] <= -WHITEN_MAX) {
            return false;
        }
    }
    return true;
}

static bool sound_anomaly(const vib_model_t *m, size_t n_features)
{
    if (!sound_inputs(m->inputs, m->n_inputs, n_features)) {
        return false;
    }
    switch (m->anomaly) {
    case VIB_GAUSSIAN:
        return sound_gaussians(m);
    case VIB_ISOLATION:
        return sound_forest(&m->paths, m->n_inputs, PATH_LEAVES);
    default:
        return false;
    }
}

static bool sound_cold(const vib_model_t *m)
{
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        if (m->speed_gains[i] >= GAIN_MAX || m->speed_gains[i] <= -GAIN_MAX || m->cold_weights[i] == 0 ||
            m->far_weights[i] == 0) {
            return false;
        }
    }
    return m->speed_low <= m->speed_high && m->shaft_low_millihz <= m->shaft_high_millihz &&
           m->line_over <= VIB_LINE_HEARD && m->reach >= 0;
}

static bool sound_limits(const vib_model_t *m)
{
    return m->dwell_windows >= 1 && m->alarm_dwell_windows >= 0 && m->clear_windows >= 1 && m->hysteresis >= 0 &&
           m->warning <= m->alarm && m->off_below >= 0 && m->average_windows >= 1 &&
           m->average_windows <= VIB_MAX_AVERAGE;
}

static bool sound_classifier(const vib_model_t *m, size_t n_features)
{
    if (m->n_classes == 0) {
        return true;
    }
    return m->n_classes > 1 && m->n_classes <= VIB_MAX_CLASSES &&
           sound_inputs(m->tree_inputs, m->n_tree_inputs, n_features) &&
           (m->predict || sound_forest(&m->trees, m->n_tree_inputs, (int32_t)m->n_classes));
}

int vib_model_check(const vib_model_t *m)
{
    if (m->core_version != VIB_CORE_VERSION || m->feature_version != VIB_FEATURE_VERSION) {
        return VIB_ERR_MODEL_VERSION;
    }
    int status = vib_config_check(&m->config);
    if (status != VIB_OK) {
        return status;
    }
    size_t n_features = vib_feature_count(&m->config);
    bool sound = sound_limits(m) && sound_anomaly(m, n_features) && sound_cold(m) && sound_classifier(m, n_features);
    return sound ? VIB_OK : VIB_ERR_MODEL_FIELD;
}

const char *vib_model_class(const vib_model_t *m, uint32_t index)
{
    if (index >= m->n_classes) {
        return NULL;
    }
    if (m->classes) {
        return m->classes[index];
    }
    const char *text = m->class_text;
    while (index--) {
        text += strlen(text) + 1;
    }
    return text;
}

/* Features as a model sees them: how far each is from this machine's, or the training set's, healthy value. */
static void differences(const vib_model_t *m, const int16_t *features, const int16_t *baseline, const uint16_t *inputs,
                        uint32_t n, int16_t *d)
{
    const int16_t *from = baseline ? baseline : m->centre;
    for (uint32_t i = 0; i < n; i++) {
        d[i] = saturate(features[inputs[i]] - from[inputs[i]]);
    }
}

/* --- Gaussians: squared distances, in 2^-24 --- */

static uint64_t component_square(const vib_model_t *m, uint32_t k, const int16_t *d)
{
    const int32_t *row = m->whiten + k * triangle(m);
    const int16_t *mean = m->means + k * m->n_inputs;
    uint32_t shift = m->whiten_shifts[k];
    int16_t from_mean[VIB_MAX_INPUTS];
    uint64_t square = (uint64_t)m->offsets[k] << 8;
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        int64_t z = ((int64_t)1 << shift) >> 1; /* a half, to round; the sum is under 128 * 2^24 * 2^15 */
        from_mean[i] = saturate(d[i] - mean[i]);
        for (uint32_t j = 0; j <= i; j++) {
            z += (int64_t)*row++ * from_mean[j];
        }
        z >>= shift; /* standard deviations, Q12 */
        z = z < 0 ? -z : z;
        uint64_t limited = (uint64_t)(z < PROJECTION_MAX ? z : PROJECTION_MAX);
        square += limited * limited;
    }
    return square;
}

static uint32_t high_product(uint32_t a, uint32_t b)
{
    return (uint32_t)(((uint64_t)a * b) >> 32);
}

/* e^(-x / 2) in Q28, x < 2^29 in Q24: 2^-t by a polynomial in t's fraction, error under 2^-18. */
static uint32_t exp_of_minus_half(uint32_t x)
{
    uint32_t t = high_product(x, 3098164009u); /* x log2(e) / 2 */
    uint32_t f = t << 8;
    uint32_t y = 514191795u - high_product(f, 114303755u - high_product(f, 14693065u)); /* Q31, as all here */
    y = 2147479556u - high_product(f, 1488314975u - high_product(f, y));
    return y >> (3 + (t >> 24));
}

/* All components as one: -2 ln(sum of e^(-square / 2)), which is at most the nearest's own. */
static uint64_t mixture_square(const vib_model_t *m, const int16_t *d)
{
    uint64_t squares[VIB_MAX_COMPONENTS];
    uint32_t nearest = 0, sum = (uint32_t)1 << 28;
    for (uint32_t k = 0; k < m->n_components; k++) {
        squares[k] = component_square(m, k, d);
        nearest = squares[k] < squares[nearest] ? k : nearest;
    }
    for (uint32_t k = 0; k < m->n_components; k++) {
        uint64_t farther = squares[k] - squares[nearest];
        if (k != nearest && farther < ((uint32_t)1 << 29)) { /* beyond, under 2^-23 of the nearest */
            sum += exp_of_minus_half((uint32_t)farther);
        }
    }
    uint32_t log2 = (uint32_t)vib_log2_32(sum) - (28 << 16);
    uint64_t taken = ((uint64_t)log2 * 1453635u) >> 12; /* 2 ln(2) in Q20, from Q16 to Q24 */
    return squares[nearest] > taken ? squares[nearest] - taken : 0;
}

/* Score of a squared distance in Q24. */
static int16_t distance_score(const vib_model_t *m, uint64_t square)
{
    int32_t log2 = vib_log2_64(square) - (24 << 16) - vib_log2_32(m->n_inputs);
    int32_t v = (log2 / 2 + 128) >> 8;
    return square == 0 || v < SCORE_MIN ? SCORE_MIN : saturate(v);
}

/* --- without a baseline --- */

/* How much faster than the centre's the shaft would turn to explain d best, octaves in Q16. */
static int32_t speed_shift(const vib_model_t *m, const int16_t *d)
{
    int64_t shift = 1 << 11; /* a half, to round; the sum is under 128 * 2^24 * 2^15 */
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        shift += (int64_t)m->speed_gains[i] * d[i];
    }
    shift >>= 12;
    return (int32_t)(shift > SHIFT_MAX ? SHIFT_MAX : shift < -SHIFT_MAX ? -SHIFT_MAX : shift);
}

/* What is left of d at that speed, in units of what the weights say is usual. */
static int16_t rest_score(const vib_model_t *m, const int16_t *d, int32_t shift, const uint16_t *weights)
{
    uint64_t square = 0;
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        int64_t left = d[i] * 16 - (((int64_t)m->slopes[i] * shift + (1 << 11)) >> 12); /* steps, Q4 */
        int64_t z = (left * weights[i] + (1 << 11)) >> 12;                             /* Q12 */
        z = z < 0 ? -z : z;
        uint64_t limited = (uint64_t)(z < PROJECTION_MAX ? z : PROJECTION_MAX);
        square += limited * limited;
    }
    return distance_score(m, square);
}

/* --- forests --- */

/* What the leaf holds that the inputs lead to. */
static uint32_t leaf(const vib_forest_t *f, uint32_t tree, const int16_t *inputs)
{
    int32_t at = f->roots[tree];
    while (at >= 0) {
        const vib_node_t *node = &f->nodes[at];
        at = inputs[node->input] < node->threshold ? node->left : node->right;
    }
    return (uint32_t)(-1 - at);
}

static int16_t isolation_score(const vib_model_t *m, const int16_t *d)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < m->paths.n_trees; i++) {
        sum += leaf(&m->paths, i, d);
    }
    uint64_t path = ((uint64_t)sum * m->path_scale + ((uint32_t)1 << 27)) >> 28;
    return path > PATH_STEPS - SCORE_MIN ? SCORE_MIN : (int16_t)(PATH_STEPS - (int32_t)path);
}

/* The class that most trees name; the lower index where two are even. */
static uint32_t vote(const vib_model_t *m, const int16_t *inputs)
{
    uint16_t votes[VIB_MAX_CLASSES] = { 0 };
    uint32_t best = 0;
    for (uint32_t i = 0; i < m->trees.n_trees; i++) {
        votes[leaf(&m->trees, i, inputs)]++;
    }
    for (uint32_t i = 1; i < m->n_classes; i++) {
        best = votes[i] > votes[best] ? i : best;
    }
    return best;
}

/* --- the contract --- */

int vib_model_score(const vib_model_t *m, const int16_t *features, size_t n, const int16_t *baseline, int16_t *score)
{
    int16_t d[VIB_MAX_INPUTS];
    if (n != vib_feature_count(&m->config)) {
        return VIB_ERR_LENGTH;
    }
    differences(m, features, baseline, m->inputs, m->n_inputs, d);
    if (!baseline) {
        *score = rest_score(m, d, speed_shift(m, d), m->cold_weights);
    } else {
        *score = m->anomaly == VIB_ISOLATION ? isolation_score(m, d) : distance_score(m, mixture_square(m, d));
    }
    return VIB_OK;
}

int vib_model_outside(const vib_model_t *m, const int16_t *features, size_t n, bool *outside)
{
    int16_t d[VIB_MAX_INPUTS];
    if (n != vib_feature_count(&m->config)) {
        return VIB_ERR_LENGTH;
    }
    differences(m, features, NULL, m->inputs, m->n_inputs, d);
    int32_t shift = speed_shift(m, d);
    bool strange = shift < m->speed_low * 256 || shift > m->speed_high * 256;
    /* no speed explains what is over it: that is a fault */
    *outside = strange && rest_score(m, d, shift, m->cold_weights) < m->warning;
    return VIB_OK;
}

int vib_model_place(const vib_model_t *m, const int16_t *features, size_t n, int16_t *octaves)
{
    int16_t d[VIB_MAX_INPUTS];
    if (n != vib_feature_count(&m->config)) {
        return VIB_ERR_LENGTH;
    }
    differences(m, features, NULL, m->inputs, m->n_inputs, d);
    *octaves = saturate((speed_shift(m, d) + 128) >> 8);
    return VIB_OK;
}

int vib_model_far(const vib_model_t *m, const int16_t *features, size_t n, const int16_t *usual, int16_t *score)
{
    int16_t d[VIB_MAX_INPUTS];
    if (n != vib_feature_count(&m->config)) {
        return VIB_ERR_LENGTH;
    }
    differences(m, features, usual, m->inputs, m->n_inputs, d);
    *score = rest_score(m, d, 0, m->far_weights);
    return VIB_OK;
}

int vib_model_classify(const vib_model_t *m, const int16_t *features, size_t n, const int16_t *baseline,
                       uint32_t *class_index)
{
    int16_t inputs[VIB_MAX_INPUTS];
    if (n != vib_feature_count(&m->config)) {
        return VIB_ERR_LENGTH;
    }
    if (m->n_classes == 0) {
        return VIB_ERR_NO_CLASSES;
    }
    differences(m, features, baseline, m->tree_inputs, m->n_tree_inputs, inputs);
    uint32_t k = m->predict ? (uint32_t)m->predict(inputs, (int32_t)m->n_tree_inputs) : vote(m, inputs);
    *class_index = k;
    return k < m->n_classes ? VIB_OK : VIB_ERR_MODEL_FIELD;
}
