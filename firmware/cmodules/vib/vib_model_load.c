/* Reads model.bin, whose layout stands in SPEC.md 2.1. Nothing is copied: the model points into the caller's data. */
#include "vib.h"

#include <string.h>

#define MAGIC 0x4d424956u /* "VIBM" read as little-endian: a big-endian machine refuses every model */
#define FORMAT 4
#define FORMAT_MORE 5 /* with more fields of the configuration, behind the header */
#define FIRST_FIELDS 16

typedef struct {
    uint32_t magic, format, bytes;
    uint32_t core_version, feature_version;
    uint32_t config[FIRST_FIELDS];
    uint8_t digest[8];
    uint32_t n_inputs, anomaly, n_components, path_scale, n_path_trees, n_path_nodes;
    uint32_t n_classes, n_tree_inputs, n_trees, n_nodes;
    int16_t warning, alarm, hysteresis, off_rms, dwell_windows, clear_windows;
    int16_t quiet_rms, off_below, average_windows, speed_low, speed_high;
    uint8_t line_over, alarm_share;
    uint32_t shaft_low_millihz, shaft_high_millihz;
    int16_t line_middle, reach;
    uint32_t name_bytes, class_bytes;
} header_t;

typedef struct {
    const uint8_t *at;
    size_t left;
} cursor_t;

/* The next section, each 4-byte aligned; NULL where the data ends before it. */
static const void *section(cursor_t *c, size_t bytes)
{
    const uint8_t *at = c->at;
    size_t padded = (bytes + 3) & ~(size_t)3;
    if (!at || bytes > c->left || padded > c->left) { /* the first test keeps the padding from wrapping */
        c->at = NULL;
        return NULL;
    }
    c->at += padded;
    c->left -= padded;
    return at;
}

/* CRC-32 as in zlib and IEEE 802.3, by bits: it runs once, and a table would cost 1 kB. */
static uint32_t crc32(const uint8_t *p, size_t n)
{
    uint32_t crc = 0xffffffffu;
    while (n--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
        }
    }
    return ~crc;
}

/* No count is so large that the size of its section would not fit 32 bits; only the anomaly model named has any. */
static bool limited_counts(const header_t *h)
{
    bool one_kind = h->anomaly == VIB_ISOLATION ? h->n_components == 0
                                                : h->n_path_trees == 0 && h->n_path_nodes == 0 && h->path_scale == 0;
    return one_kind && h->n_inputs <= VIB_MAX_INPUTS && h->n_components <= VIB_MAX_COMPONENTS &&
           h->n_path_trees <= VIB_MAX_NODES && h->n_path_nodes <= VIB_MAX_NODES && h->n_classes <= VIB_MAX_CLASSES &&
           h->n_tree_inputs <= VIB_MAX_INPUTS && h->n_trees <= VIB_MAX_NODES && h->n_nodes <= VIB_MAX_NODES &&
           h->name_bytes >= 1;
}

static int read_header(const void *data, size_t bytes, header_t *h)
{
    uint32_t crc;
    if (bytes < sizeof *h + 4 || ((uintptr_t)data & 3)) {
        return VIB_ERR_MODEL_FORMAT;
    }
    memcpy(h, data, sizeof *h);
    if (h->magic != MAGIC || h->format < FORMAT || h->format > FORMAT_MORE || h->bytes != bytes) {
        return VIB_ERR_MODEL_FORMAT;
    }
    memcpy(&crc, (const uint8_t *)data + bytes - 4, 4);
    if (crc != crc32(data, bytes - 4)) {
        return VIB_ERR_MODEL_FORMAT;
    }
    if (h->core_version != VIB_CORE_VERSION || h->feature_version != VIB_FEATURE_VERSION) {
        return VIB_ERR_MODEL_VERSION;
    }
    return limited_counts(h) ? VIB_OK : VIB_ERR_MODEL_FIELD;
}

/* The configuration: fields of the header, those that follow it, and 0 for those that are not there. */
static int read_config(const header_t *h, cursor_t *c, vib_config_t *config)
{
    const uint32_t *more = section(c, h->format == FORMAT_MORE ? sizeof *more : 0);
    uint32_t n = more && h->format == FORMAT_MORE ? *more : 0;
    if (n > sizeof *config / sizeof *more - FIRST_FIELDS || !(more = section(c, n * sizeof *more))) {
        return VIB_ERR_MODEL_FORMAT;
    }
    memset(config, 0, sizeof *config);
    memcpy(config, h->config, sizeof h->config);
    memcpy((uint8_t *)config + sizeof h->config, more, n * sizeof *more);
    return vib_config_check(config);
}

/* n zero-terminated names of printable ASCII fill the text exactly. */
static bool holds_names(const char *text, size_t bytes, uint32_t n)
{
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] != 0 && (text[i] < ' ' || text[i] > '~')) {
            return false;
        }
        n -= text[i] == 0;
    }
    return n == 0 && (bytes == 0 || text[bytes - 1] == 0);
}

static vib_forest_t read_forest(cursor_t *c, uint32_t n_trees, uint32_t n_nodes)
{
    vib_forest_t f = { n_trees, NULL, n_nodes, NULL };
    f.roots = section(c, n_trees * sizeof *f.roots);
    f.nodes = section(c, n_nodes * sizeof *f.nodes);
    return f;
}

static int read_sections(const header_t *h, cursor_t *c, vib_model_t *m)
{
    uint32_t n = h->n_inputs, k = h->n_components;
    m->centre = section(c, vib_feature_count(&m->config) * sizeof *m->centre);
    m->inputs = section(c, n * sizeof *m->inputs);
    m->slopes = section(c, n * sizeof *m->slopes);
    m->speed_gains = section(c, n * sizeof *m->speed_gains);
    m->cold_weights = section(c, n * sizeof *m->cold_weights);
    m->line = section(c, vib_feature_count(&m->config) * sizeof *m->line);
    m->far_weights = section(c, n * sizeof *m->far_weights);
    m->means = section(c, k * n * sizeof *m->means);
    m->whiten_shifts = section(c, k * sizeof *m->whiten_shifts);
    m->offsets = section(c, k * sizeof *m->offsets);
    m->whiten = section(c, k * (n * (n + 1) / 2) * sizeof *m->whiten);
    m->paths = read_forest(c, h->n_path_trees, h->n_path_nodes);
    m->tree_inputs = section(c, h->n_tree_inputs * sizeof *m->tree_inputs);
    m->trees = read_forest(c, h->n_trees, h->n_nodes);
    m->name = section(c, h->name_bytes);
    m->class_text = section(c, h->class_bytes);
    if (!c->at || c->left != 0) {
        return VIB_ERR_MODEL_FORMAT;
    }
    return holds_names(m->name, h->name_bytes, 1) && holds_names(m->class_text, h->class_bytes, h->n_classes)
               ? VIB_OK
               : VIB_ERR_MODEL_FIELD;
}

int vib_model_load(const void *data, size_t bytes, vib_model_t *m)
{
    header_t h;
    int status = read_header(data, bytes, &h);
    if (status != VIB_OK) {
        return status;
    }
    cursor_t c = { (const uint8_t *)data + sizeof h, bytes - sizeof h - 4 };
    memset(m, 0, sizeof *m);
    status = read_config(&h, &c, &m->config);
    if (status != VIB_OK) {
        return status;
    }
    m->core_version = h.core_version;
    m->feature_version = h.feature_version;
    memcpy(m->digest, h.digest, sizeof m->digest);
    m->n_inputs = h.n_inputs;
    m->anomaly = h.anomaly;
    m->n_components = h.n_components;
    m->path_scale = h.path_scale;
    m->n_classes = h.n_classes;
    m->n_tree_inputs = h.n_tree_inputs;
    m->warning = h.warning;
    m->alarm = h.alarm;
    m->hysteresis = h.hysteresis;
    m->off_rms = h.off_rms;
    m->dwell_windows = h.dwell_windows;
    m->alarm_dwell_windows = (int16_t)(h.dwell_windows > 0 ? h.dwell_windows * h.alarm_share >> 8 : 0);
    m->clear_windows = h.clear_windows;
    m->quiet_rms = h.quiet_rms;
    m->off_below = h.off_below;
    m->average_windows = h.average_windows;
    m->speed_low = h.speed_low;
    m->speed_high = h.speed_high;
    m->shaft_low_millihz = h.shaft_low_millihz;
    m->shaft_high_millihz = h.shaft_high_millihz;
    m->line_over = h.line_over;
    m->line_middle = h.line_middle;
    m->reach = h.reach;
    status = read_sections(&h, &c, m);
    return status ? status : vib_model_check(m);
}
