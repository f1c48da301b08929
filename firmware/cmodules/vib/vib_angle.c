/* Features of the spectra by the shaft's angle: octaves of orders, gear meshes and their side bands. */
#include "vib_small.h"

#include "vib_core.h"
#include "vib_math.h"

#define MESH_HARMONICS 2
#define SIDES 3 /* pairs of side bands */
#define LEAST_BIN 2 /* below, a line's three bins reach the mean's */
#define FIRST_BIN 3 /* of the envelope's spectrum that the mean does not reach */

/* Bins of an octave of orders; none where it is out of the range. */
static vib_bins_t octave(const vib_core_t *core, uint32_t i, uint32_t least, uint32_t end)
{
    uint32_t lo = vib_nearest_bin(core, core->config.order_lo_milliorders << i, UINT16_MAX);
    uint32_t hi = vib_nearest_bin(core, core->config.order_lo_milliorders << (i + 1), UINT16_MAX);
    vib_bins_t b = { (uint16_t)(lo > least ? lo : least), (uint16_t)(hi < end ? hi : end) };
    return b;
}

static int16_t *bearing_of(const vib_core_t *core, int16_t *out)
{
    return out + VIB_F_COUNT + core->config.bands + core->config.envelope_bands + core->config.orders;
}

static int16_t *bands_of(const vib_core_t *core, int16_t *out)
{
    return bearing_of(core, out) + (vib_has_bearing(&core->config) ? VIB_BEARING_FREQUENCIES : 0);
}

void vib_turned_modulation(const vib_core_t *core, int16_t *out)
{
    const int32_t *z = core->demodulated + (1u << core->envelope_log2n);
    int32_t mean = vib_log2_32((uint32_t)z[0]);
    if (vib_has_bearing(&core->config)) {
        vib_bearing_lines(core, z, mean, bearing_of(core, out));
    }
    out = bands_of(core, out) + core->config.order_bands;
    for (uint32_t i = 0; i < core->config.order_envelope_bands; i++) {
        vib_bins_t b = octave(core, i, FIRST_BIN, (uint32_t)(core->envelope.hi - core->envelope.lo));
        uint64_t sum = 0;
        for (uint32_t k = b.lo; k < b.hi; k++) {
            sum += vib_power(z + 2 * k);
        }
        out[i] = vib_depth(sum, mean);
    }
}

static uint64_t line(const vib_core_t *core, const uint64_t *power, uint32_t milliorders)
{
    uint32_t k = vib_nearest_bin(core, milliorders, core->config.window / 4 - 2);
    return k >= LEAST_BIN ? power[k - 1] + power[k] + power[k + 1] : 0;
}

/* A mesh, and its side bands where three bins or more are between two. */
static void mesh_levels(const vib_core_t *core, const uint64_t *power, int32_t unit, vib_mesh_t mesh, int16_t *level,
                        int16_t *side_level)
{
    uint64_t centre = 0, sides = 0;
    bool apart = vib_nearest_bin(core, mesh.side, UINT16_MAX) >= 3;
    for (uint32_t order = mesh.order; order <= MESH_HARMONICS * mesh.order; order += mesh.order) {
        centre += line(core, power, order);
        for (uint32_t i = 1; apart && i <= SIDES; i++) {
            sides += line(core, power, order + i * mesh.side);
            sides += order > i * mesh.side ? line(core, power, order - i * mesh.side) : 0;
        }
    }
    *level = vib_band_level(core, centre, unit);
    *side_level = vib_band_level(core, sides, unit);
}

void vib_turned_levels(const vib_core_t *core, int32_t unit, int16_t *out)
{
    const vib_config_t *c = &core->config;
    const uint64_t *power = (const uint64_t *)(const void *)core->spectrum;
    uint32_t n = vib_meshes(c);
    vib_order_levels(core, power, unit, bearing_of(core, out) - c->orders);
    out = bands_of(core, out);
    for (uint32_t i = 0; i < c->order_bands; i++) {
        vib_bins_t b = octave(core, i, LEAST_BIN - 1, c->window / 4);
        uint64_t sum = 0;
        for (uint32_t k = b.lo; k < b.hi; k++) {
            sum += power[k];
        }
        out[i] = vib_band_level(core, sum, unit);
    }
    out += c->order_bands + c->order_envelope_bands;
    for (uint32_t i = 0; i < n; i++) {
        mesh_levels(core, power, unit, vib_mesh(c, i), &out[i], &out[n + i]);
    }
}
