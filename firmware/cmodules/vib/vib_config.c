#include "vib_small.h"

#include "vib_core.h"
#include "vib_math.h"

#include <string.h>

/* First bin of an edge: bins within 8/65536 octave under it count as on it, as the logarithm is that exact. */
#define EDGE_TOLERANCE 8

static const char axis_names[VIB_MAX_AXES] = { 'x', 'y', 'z' };

static const char *const feature_names[VIB_F_COUNT] = {
#define VIB_FEATURE(name, unit, meaning) #name,
#include "vib_features.def"
#undef VIB_FEATURE
};

/* every name fits, axis and all */
#define VIB_FEATURE(name, unit, meaning) typedef char name##_fits[sizeof("x." #name) <= VIB_FEATURE_NAME_SIZE ? 1 : -1];
#include "vib_features.def"
#undef VIB_FEATURE

static const char bearing_names[VIB_BEARING_FREQUENCIES][5] = { "bpfo", "bpfi", "bsf", "ftf" };

static unsigned log2_of_power(uint32_t n)
{
    return vib_bits32(n) - 1;
}

/* log2 in Q16 of a frequency as a bin number. */
static int32_t log2_bin(const vib_config_t *c, uint32_t hz)
{
    return vib_log2_64((uint64_t)hz * c->window * 1000) - vib_log2_32(c->rate_millihz);
}

/* Edges e[0..count] of log-spaced bands over bins lo .. hi, each at least one bin wide. lo, hi: log2 in Q16. */
static void log_spaced(int32_t lo, int32_t hi, uint32_t count, uint16_t *edges)
{
    uint16_t bin = 1;
    for (uint32_t i = 0; i <= count; i++) {
        int32_t edge = lo + (hi - lo) * (int32_t)i / (int32_t)count;
        while (bin < VIB_MAX_WINDOW && vib_log2_32(bin) < edge - EDGE_TOLERANCE) {
            bin++;
        }
        edges[i] = bin++;
    }
}

static void band_edges(const vib_config_t *c, uint16_t *edges)
{
    log_spaced(log2_bin(c, c->band_lo_hz), log2_bin(c, c->band_hi_hz), c->bands, edges);
}

/* First bin at or over a frequency, in exact arithmetic: ceil(hz * window * 1000 / rate_millihz). */
static uint32_t first_bin(const vib_config_t *c, uint32_t hz)
{
    uint32_t k = 0;
    while ((uint64_t)k * c->rate_millihz < (uint64_t)hz * c->window * 1000) {
        k++;
    }
    return k;
}

static vib_bins_t velocity_bins(const vib_config_t *c)
{
    vib_bins_t b = { 0, 0 };
    if ((uint64_t)c->rate_millihz < 2u * 10 * 1000) {
        return b;
    }
    uint32_t lo = first_bin(c, 10);
    uint32_t hi = (uint64_t)c->rate_millihz > 2u * 1000 * 1000 ? first_bin(c, 1000) : c->window / 2;
    if (hi < c->window / 2 && (uint64_t)hi * c->rate_millihz == (uint64_t)1000 * c->window * 1000) {
        hi++; /* 1000 Hz itself belongs to the range */
    }
    b.lo = (uint16_t)(lo ? lo : 1);
    b.hi = (uint16_t)(hi < c->window / 2 ? hi : c->window / 2);
    return b;
}

static int check_bands(const vib_config_t *c)
{
    uint64_t rate = c->rate_millihz;
    if (c->bands < 1 || c->bands > VIB_MAX_BANDS) {
        return VIB_ERR_BANDS;
    }
    if (c->band_lo_hz >= c->band_hi_hz || (uint64_t)c->band_lo_hz * 1000 * c->window < rate ||
        (uint64_t)c->band_hi_hz * 2000 > rate) {
        return VIB_ERR_BAND_RANGE;
    }
    /* log-spaced edges that are too close move up from the lowest on, and have caught up at the last */
    return first_bin(c, c->band_hi_hz) - first_bin(c, c->band_lo_hz) >= c->bands ? VIB_OK : VIB_ERR_BAND_RANGE;
}

static int check_envelope(const vib_config_t *c)
{
    if (c->envelope_bands > VIB_MAX_ENVELOPE_BANDS) {
        return VIB_ERR_ENVELOPE_BANDS;
    }
    if (c->envelope_bands == 0) {
        return VIB_OK;
    }
    if (c->envelope_lo_hz >= c->envelope_hi_hz || (uint64_t)c->envelope_hi_hz * 2000 > c->rate_millihz) {
        return VIB_ERR_ENVELOPE_RANGE;
    }
    uint32_t wide = first_bin(c, c->envelope_hi_hz) - first_bin(c, c->envelope_lo_hz);
    if (wide > c->window / 4 || wide < c->envelope_bands + 3) {
        return VIB_ERR_ENVELOPE_RANGE;
    }
    return VIB_OK;
}

bool vib_has_bearing(const vib_config_t *c)
{
    return c->bpfo_milliorders || c->bpfi_milliorders || c->bsf_milliorders || c->ftf_milliorders;
}

static int check_shaft(const vib_config_t *c)
{
    const uint32_t most = 50000;
    if (c->orders > VIB_MAX_ORDERS) {
        return VIB_ERR_ORDERS;
    }
    bool fits = c->bpfo_milliorders <= most && c->bpfi_milliorders <= most && c->bsf_milliorders <= most &&
                c->ftf_milliorders <= most;
    return fits && (c->envelope_bands || !vib_has_bearing(c)) ? VIB_OK : VIB_ERR_BEARING;
}

uint32_t vib_meshes(const vib_config_t *c)
{
    return c->mesh3_milliorders ? 3 : c->mesh2_milliorders ? 2 : c->mesh1_milliorders != 0;
}

vib_mesh_t vib_mesh(const vib_config_t *c, uint32_t i)
{
    const vib_mesh_t mesh[VIB_MESHES] = { { c->mesh1_milliorders, c->side1_milliorders },
                                          { c->mesh2_milliorders, c->side2_milliorders },
                                          { c->mesh3_milliorders, c->side3_milliorders } };
    return mesh[i];
}

static int check_by_angle(const vib_config_t *c)
{
    uint32_t n = vib_meshes(c), octaves = c->order_bands | c->order_envelope_bands;
    bool fits = c->order_bands <= VIB_MAX_OCTAVES && c->order_envelope_bands <= VIB_MAX_OCTAVES &&
                c->order_lo_milliorders <= 50000 && !octaves == !c->order_lo_milliorders &&
                (c->envelope_bands || !c->order_envelope_bands) && c->by_angle <= 1 && (c->by_angle || !(octaves || n));
    for (uint32_t i = 0; i < VIB_MESHES; i++) {
        vib_mesh_t mesh = vib_mesh(c, i);
        fits = fits && mesh.order <= 4000000 && mesh.side <= mesh.order && !mesh.order == (i >= n);
    }
    return fits ? VIB_OK : VIB_ERR_BY_ANGLE;
}

int vib_config_check(const vib_config_t *c)
{
    if (c->rate_millihz < 1000 || c->rate_millihz > 100000000) {
        return VIB_ERR_RATE;
    }
    if (c->window < VIB_MIN_WINDOW || c->window > VIB_MAX_WINDOW || (c->window & (c->window - 1))) {
        return VIB_ERR_WINDOW;
    }
    if (c->hop < 1 || c->hop > VIB_MAX_HOP) {
        return VIB_ERR_HOP;
    }
    if (c->axes < 1 || c->axes > VIB_MAX_AXES) {
        return VIB_ERR_AXES;
    }
    if (c->lsb_nm_s2 < 1 || c->lsb_nm_s2 > 4000000000u) {
        return VIB_ERR_LSB;
    }
    int status = check_bands(c);
    if (status == VIB_OK) {
        status = check_envelope(c);
    }
    if (status == VIB_OK) {
        status = check_shaft(c);
    }
    return status ? status : check_by_angle(c);
}

const char *vib_error_text(int status)
{
    static const char *const text[] = {
        "ok",
        "rate_millihz must be 1000 to 100000000 (1 Hz to 100 kHz)",
        "window must be a power of two, 64 to 4096",
        "hop must be 1 to 1000000",
        "axes must be 1 to 3",
        "lsb_nm_s2 must be 1 to 4000000000",
        "bands must be 1 to 32",
        "band_lo_hz must be rate/window or more and under band_hi_hz, which must be rate/2 or less, "
        "with a bin or more per band",
        "envelope_bands must be 0 to 16",
        "envelope_lo_hz to envelope_hi_hz must lie under rate/2, be rate/4 wide at most and "
        "hold 3 bins more than envelope_bands",
        "memory too small or not 8-byte aligned",
        "array length does not fit the configuration",
        "no whole window is held",
        "not a model, damaged, or cut short",
        "model was made for another core or feature version",
        "a field of the model is out of range",
        "the model has no classifier",
        "raw format: bits must be 8 to 24, sample_bytes 2 or 3 and enough for them, skip_bytes 0 to 8",
        "orders must be 0 to 8",
        "bpfo, bpfi, bsf and ftf_milliorders must be 0 to 50000, and all 0 without envelope_bands",
        "by_angle must be 1 with mesh1 to mesh3_milliorders (0 to 4000000, side1 to side3 no more), with order_bands, "
        "and "
        "with order_envelope_bands: 0 to 8, the first from order_lo_milliorders (1 to 50000)",
        "speeds in a window must be 1 to 100000000, the highest 5/4 of the lowest at most",
    };
    unsigned index = (unsigned)-status;
    return index < sizeof text / sizeof text[0] ? text[index] : "unknown error";
}

static size_t features_per_axis(const vib_config_t *c)
{
    return VIB_F_COUNT + c->bands + c->envelope_bands + c->orders + (vib_has_bearing(c) ? VIB_BEARING_FREQUENCIES : 0) +
           c->order_bands + c->order_envelope_bands + 2 * vib_meshes(c);
}

size_t vib_feature_count(const vib_config_t *c)
{
    return features_per_axis(c) * c->axes;
}

/* Features whose number the configuration says, in order: their names but for the number, and where that begins. The
 * empty one is the bearing's. */
static const struct {
    char stem[6];
    uint8_t first;
} families[] = {
    { "band", 0 }, { "env", 0 }, { "order", 1 }, { "", 0 }, { "oband", 0 }, { "oenv", 0 }, { "mesh", 1 }, { "side", 1 },
};

static void numbered(char *name, const char *stem, size_t number)
{
    size_t n = strlen(stem);
    memcpy(name, stem, n);
    name[n] = (char)('0' + number / 10);
    name[n + 1] = (char)('0' + number % 10);
    name[n + 2] = 0;
}

int vib_feature_name(const vib_config_t *c, size_t index, char *name)
{
    size_t per_axis = features_per_axis(c);
    if (index >= vib_feature_count(c)) {
        return VIB_ERR_LENGTH;
    }
    name[0] = axis_names[index / per_axis];
    name[1] = '.';
    index %= per_axis;
    if (index < VIB_F_COUNT) {
        memcpy(name + 2, feature_names[index], strlen(feature_names[index]) + 1);
        return VIB_OK;
    }
    index -= VIB_F_COUNT;
    size_t meshes = vib_meshes(c);
    const size_t counts[] = { c->bands,       c->envelope_bands,
                              c->orders,      vib_has_bearing(c) ? VIB_BEARING_FREQUENCIES : 0,
                              c->order_bands, c->order_envelope_bands,
                              meshes,         meshes };
    size_t i = 0;
    while (index >= counts[i]) {
        index -= counts[i++];
    }
    if (families[i].stem[0]) {
        numbered(name + 2, families[i].stem, index + families[i].first);
    } else {
        memcpy(name + 2, bearing_names[index], sizeof bearing_names[index]);
    }
    return VIB_OK;
}

/* --- a core's memory: the struct, then frames, spectrum and demodulated, each 8-byte aligned --- */

static size_t aligned(size_t bytes)
{
    return (bytes + 7) & ~(size_t)7;
}

static unsigned envelope_log2n(const vib_config_t *c)
{
    if (c->envelope_bands == 0) {
        return 0;
    }
    uint32_t wide = first_bin(c, c->envelope_hi_hz) - first_bin(c, c->envelope_lo_hz);
    return vib_bits32(2 * wide - 1);
}

/* Frames that come while the features of a window are worked out, on a processor of 120 MHz at 270 instructions a
 * sample, as RV32IMC takes at most; and a burst of a small FIFO. */
static uint32_t spare_frames(const vib_config_t *c)
{
    uint32_t rate_hz = c->rate_millihz / 1000, most = c->hop < c->window ? c->hop / 2 : 0;
    uint32_t arrive = (uint32_t)(((uint64_t)rate_hz * c->window * c->axes * 9) >> 22) + 32;
    return arrive < most ? arrive : most;
}

static size_t frames_size(const vib_config_t *c)
{
    return aligned((c->window + spare_frames(c)) * c->axes * sizeof(int16_t));
}

int vib_core_size(const vib_config_t *c, size_t *bytes)
{
    int status = vib_config_check(c);
    if (status == VIB_OK) {
        *bytes = aligned(sizeof(vib_core_t)) + aligned(sizeof(vib_axis_t)) + frames_size(c) +
                 aligned(c->window * sizeof(int32_t)) +
                 (c->envelope_bands ? sizeof(int32_t) * 2 << envelope_log2n(c) : 0);
    }
    return status;
}

static void place(vib_core_t *core, uint8_t *memory)
{
    const vib_config_t *c = &core->config;
    memory += aligned(sizeof(vib_core_t));
    core->under_way = (vib_axis_t *)(void *)memory;
    memory += aligned(sizeof(vib_axis_t));
    core->frames = (int16_t *)(void *)memory;
    memory += frames_size(c);
    core->spectrum = (int32_t *)(void *)memory;
    memory += aligned(c->window * sizeof(int32_t));
    core->demodulated = c->envelope_bands ? (int32_t *)(void *)memory : NULL;
}

/* What follows from the rate. */
static void tune(vib_core_t *core)
{
    const vib_config_t *c = &core->config;
    core->velocity = velocity_bins(c);
    band_edges(c, core->edges);
    core->log2_lsb_um = vib_log2_32(c->lsb_nm_s2) - vib_log2_32(1000);
    core->log2_bin_hz = vib_log2_32(c->rate_millihz) - vib_log2_32(1000) - ((int32_t)core->log2n << 16);
    if (c->envelope_bands) {
        core->envelope.lo = (uint16_t)first_bin(c, c->envelope_lo_hz);
        core->envelope.hi = (uint16_t)first_bin(c, c->envelope_hi_hz);
        log_spaced(vib_log2_32(3), vib_log2_32((uint32_t)(core->envelope.hi - core->envelope.lo)), c->envelope_bands,
                   core->envelope_edges);
    }
}

int vib_core_init(void *memory, size_t bytes, const vib_config_t *c, vib_core_t **out)
{
    size_t need = 0;
    int status = vib_core_size(c, &need);
    if (status != VIB_OK) {
        return status;
    }
    if (bytes < need || ((uintptr_t)memory & 7)) {
        return VIB_ERR_MEMORY;
    }
    vib_core_t *core = (vib_core_t *)memory;
    memset(core, 0, sizeof *core);
    core->config = *c;
    place(core, (uint8_t *)memory);
    core->spare = spare_frames(c);
    core->log2n = log2_of_power(c->window);
    core->envelope_log2n = envelope_log2n(c);
    tune(core);
    vib_core_set_shaft(core, 0);
    *out = core;
    return VIB_OK;
}

int vib_core_set_rate(vib_core_t *core, uint32_t rate_millihz)
{
    vib_config_t c = core->config;
    c.rate_millihz = rate_millihz;
    int status = vib_config_check(&c);
    if (status == VIB_OK && envelope_log2n(&c) > core->envelope_log2n) {
        status = VIB_ERR_ENVELOPE_RANGE;
    }
    if (status == VIB_OK) {
        core->config = c;
        tune(core);
    }
    return status;
}
