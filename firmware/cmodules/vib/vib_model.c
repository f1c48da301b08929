#include "vib_core.h"
#include "vib_math.h"

#include <string.h>

#define SCORE_MIN (-2048)
#define WHITEN_MAX (1 << 24)
#define PROJECTION_MAX (1 << 26) /* 2^14 standard deviations in Q12: as far away as can be told */

static int16_t saturate(int32_t v)
{
    return (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
}

static int check_trees(const vib_model_t *m, size_t n_features)
{
    if (m->n_classes > VIB_MAX_CLASSES || m->n_classes == 1 || m->n_tree_inputs < 1
        || m->n_tree_inputs > VIB_MAX_INPUTS || m->n_nodes > VIB_MAX_NODES || (m->n_trees == 0 && !m->predict)) {
        return VIB_ERR_MODEL_FIELD;
    }
    for (uint32_t i = 0; i < m->n_tree_inputs; i++) {
        if (m->tree_inputs[i] >= n_features) {
            return VIB_ERR_MODEL_FIELD;
        }
    }
    for (uint32_t i = 0; i < m->n_trees; i++) {
        if (m->roots[i] >= m->n_nodes) {
            return VIB_ERR_MODEL_FIELD;
        }
    }
    for (uint32_t i = 0; i < m->n_nodes; i++) { /* links lead forward only, so every walk ends */
        const vib_node_t *node = &m->nodes[i];
        int32_t links[2] = { node->left, node->right };
        if (node->feature < 0 || (uint32_t)node->feature >= m->n_tree_inputs) {
            return VIB_ERR_MODEL_FIELD;
        }
        for (int side = 0; side < 2; side++) {
            int32_t link = links[side];
            if (link < 0 ? (uint32_t)(-1 - link) >= m->n_classes
                         : (uint32_t)link <= i || (uint32_t)link >= m->n_nodes) {
                return VIB_ERR_MODEL_FIELD;
            }
        }
    }
    return VIB_OK;
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
    if (m->n_inputs < 1 || m->n_inputs > VIB_MAX_INPUTS || m->whiten_shift > 31 || m->dwell_windows < 1
        || m->clear_windows < 1 || m->hysteresis < 0 || m->warning > m->alarm) {
        return VIB_ERR_MODEL_FIELD;
    }
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        if (m->inputs[i] >= n_features) {
            return VIB_ERR_MODEL_FIELD;
        }
    }
    for (uint32_t i = 0; i < m->n_inputs * (m->n_inputs + 1) / 2; i++) {
        if (m->whiten[i] >= WHITEN_MAX || m->whiten[i] <= -WHITEN_MAX) {
            return VIB_ERR_MODEL_FIELD;
        }
    }
    return m->n_classes ? check_trees(m, n_features) : VIB_OK;
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

/* Feature i as the model sees it: how far from this machine's, or the training set's, healthy value. */
static int16_t difference(const vib_model_t *m, const int16_t *features, const int16_t *baseline, uint32_t i)
{
    return saturate(features[i] - (baseline ? baseline[i] : m->centre[i]));
}

int vib_model_score(const vib_model_t *m, const int16_t *features, size_t n, const int16_t *baseline, int16_t *score)
{
    int16_t d[VIB_MAX_INPUTS];
    const int32_t *row = m->whiten;
    uint64_t square = 0;
    if (n != vib_feature_count(&m->config)) {
        return VIB_ERR_LENGTH;
    }
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        int64_t z = ((int64_t)1 << m->whiten_shift) >> 1; /* a half, to round; the sum is under 128 * 2^24 * 2^15 */
        d[i] = difference(m, features, baseline, m->inputs[i]);
        for (uint32_t j = 0; j <= i; j++) {
            z += (int64_t)*row++ * d[j];
        }
        z >>= m->whiten_shift; /* standard deviations, Q12 */
        z = z < 0 ? -z : z;
        uint64_t limited = (uint64_t)(z < PROJECTION_MAX ? z : PROJECTION_MAX);
        square += limited * limited;
    }
    int32_t log2 = vib_log2_64(square) - (24 << 16) - vib_log2_32(m->n_inputs);
    int32_t v = (log2 / 2 + 128) >> 8;
    *score = square == 0 || v < SCORE_MIN ? SCORE_MIN : saturate(v);
    return VIB_OK;
}

static uint32_t walk(const vib_model_t *m, uint32_t root, const int16_t *inputs)
{
    int32_t at = (int32_t)root;
    while (at >= 0) {
        const vib_node_t *node = &m->nodes[at];
        at = inputs[node->feature] < node->threshold ? node->left : node->right;
    }
    return (uint32_t)(-1 - at);
}

/* The class that most trees name; the lower index where two are even. */
static uint32_t vote(const vib_model_t *m, const int16_t *inputs)
{
    uint16_t votes[VIB_MAX_CLASSES] = { 0 };
    uint32_t best = 0;
    for (uint32_t i = 0; i < m->n_trees; i++) {
        votes[walk(m, m->roots[i], inputs)]++;
    }
    for (uint32_t i = 1; i < m->n_classes; i++) {
        best = votes[i] > votes[best] ? i : best;
    }
    return best;
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
    for (uint32_t i = 0; i < m->n_tree_inputs; i++) {
        inputs[i] = difference(m, features, baseline, m->tree_inputs[i]);
    }
    uint32_t k = m->predict ? (uint32_t)m->predict(inputs, (int32_t)m->n_tree_inputs) : vote(m, inputs);
    *class_index = k;
    return k < m->n_classes ? VIB_OK : VIB_ERR_MODEL_FIELD;
}
