#include "vib_small.h"

#include "vib_core.h"
#include "vib_math.h"

#include <string.h>

/* First bin of an edge: bins within 8/65536 octave under it count as on it, as the logarithm is that exact. */
#define EDGE_TOLERANCE 8

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

static int check_slow(const vib_config_t *c)
{
    if (c->slow_window == 0) {
        return c->slow_bands || c->slow_orders ? VIB_ERR_SLOW : VIB_OK;
    }
    uint32_t log2 = vib_slow_log2(c);
    vib_config_t slow = vib_slow_config(c, log2);
    bool fits = log2 >= VIB_LEAST_HALVES && c->slow_window <= c->window && c->hop <= c->window;
    return fits && vib_config_check(&slow) == VIB_OK ? VIB_OK : VIB_ERR_SLOW;
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
    if (status == VIB_OK) {
        status = check_by_angle(c);
    }
    return status ? status : check_slow(c);
}

size_t vib_feature_count(const vib_config_t *c)
{
    size_t n = VIB_F_COUNT + c->bands + c->envelope_bands + c->orders + c->order_bands + c->order_envelope_bands;
    n += vib_has_bearing(c) ? VIB_BEARING_FREQUENCIES : 0;
    n += c->slow_window ? VIB_F_COUNT + c->slow_bands + c->slow_orders : 0;
    return (n + 2 * vib_meshes(c)) * c->axes;
}

/* --- a core's memory: the struct, then frames, spectrum, demodulated and the slow path, each 8-byte aligned --- */

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
 * sample, as RV32IMC takes at most, 660 by angle; and a burst of a small FIFO. */
static uint32_t spare_frames(const vib_config_t *c)
{
    uint32_t rate_hz = c->rate_millihz / 1000, most = c->hop < c->window ? c->hop / 2 : 0;
    uint32_t arrive =
        (uint32_t)(((uint64_t)rate_hz * (c->window * (c->by_angle ? 22 : 9) + c->slow_window * 9) * c->axes) >> 22) +
        32;
    return arrive < most ? arrive : most;
}

/* A core without its buffers, with room for so many frames beyond a window. */
static size_t bare_size(const vib_config_t *c, uint32_t spare)
{
    return aligned(sizeof(vib_core_t)) + aligned(sizeof(vib_axis_t)) +
           aligned((c->window + spare) * c->axes * sizeof(int16_t));
}

/* Frames that the slow path is given from one of its turns to the next, at most. */
static uint32_t slow_spare(const vib_config_t *c, uint32_t log2)
{
    return ((c->window + c->hop + spare_frames(c)) >> log2) + 2;
}

static size_t slow_size(const vib_config_t *c)
{
    uint32_t log2 = vib_slow_log2(c);
    vib_config_t slow = vib_slow_config(c, log2);
    return aligned(sizeof(vib_slow_t)) + aligned(vib_feature_count(&slow) * sizeof(int16_t)) +
           bare_size(&slow, slow_spare(c, log2));
}

int vib_core_size(const vib_config_t *c, size_t *bytes)
{
    int status = vib_config_check(c);
    if (status == VIB_OK) {
        *bytes = bare_size(c, spare_frames(c)) + aligned(c->window * sizeof(int32_t)) +
                 (c->envelope_bands ? sizeof(int32_t) * 2 << envelope_log2n(c) : 0) +
                 (c->slow_window ? slow_size(c) : 0);
    }
    return status;
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

/* A core in bare_size() bytes of memory. */
static vib_core_t *begin(uint8_t *memory, const vib_config_t *c, uint32_t spare)
{
    vib_core_t *core = (vib_core_t *)(void *)memory;
    memset(core, 0, sizeof *core);
    core->config = *c;
    core->under_way = (vib_axis_t *)(void *)(memory + aligned(sizeof(vib_core_t)));
    core->frames = (int16_t *)(void *)(memory + aligned(sizeof(vib_core_t)) + aligned(sizeof(vib_axis_t)));
    core->spare = spare;
    core->log2n = log2_of_power(c->window);
    core->envelope_log2n = envelope_log2n(c);
    tune(core);
    vib_core_set_shaft(core, 0);
    return core;
}

static vib_slow_t *begin_slow(uint8_t *memory, const vib_core_t *core)
{
    uint32_t log2 = vib_slow_log2(&core->config);
    vib_config_t c = vib_slow_config(&core->config, log2);
    vib_slow_t *slow = (vib_slow_t *)(void *)memory;
    memory += aligned(sizeof *slow);
    slow->features = (int16_t *)(void *)memory;
    memory += aligned(vib_feature_count(&c) * sizeof(int16_t));
    slow->core = begin(memory, &c, slow_spare(&core->config, log2));
    slow->core->spectrum = core->spectrum;
    slow->log2 = log2;
    slow->halves = log2 > VIB_CIC_LOG2 + VIB_LEAST_HALVES ? log2 - VIB_CIC_LOG2 : VIB_LEAST_HALVES;
    vib_slow_gap(slow);
    return slow;
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
    uint8_t *at = (uint8_t *)memory;
    vib_core_t *core = begin(at, c, spare_frames(c));
    at += bare_size(c, core->spare);
    core->spectrum = (int32_t *)(void *)at;
    at += aligned(c->window * sizeof(int32_t));
    core->demodulated = c->envelope_bands ? (int32_t *)(void *)at : NULL;
    if (c->slow_window) {
        core->slow = begin_slow((uint8_t *)memory + need - slow_size(c), core);
    }
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
        if (core->slow) {
            vib_core_t *slow = core->slow->core;
            slow->config = vib_slow_config(&c, core->slow->log2);
            tune(slow);
        }
    }
    return status;
}
