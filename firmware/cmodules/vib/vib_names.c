/* What is read by people: names of features, and errors. Texts of a kind stand one after the other, which costs no
 * pointers. */
#include "vib_small.h"

#include "vib_core.h"

#include <string.h>

/* every name fits, axis and all */
#define VIB_FEATURE(name, unit, meaning) \
    typedef char name##_fits[sizeof("x.slow_" #name) <= VIB_FEATURE_NAME_SIZE ? 1 : -1];
#include "vib_features.def"
#undef VIB_FEATURE

static const char feature_names[] =
#define VIB_FEATURE(name, unit, meaning) #name "\0"
#include "vib_features.def"
#undef VIB_FEATURE
    ;

/* Features whose number the configuration says, in order: their names but for the number. The
 * bearing's have names of their own. */
static const char families[] = "band\0env\0order\0bearing\0oband\0oenv\0mesh\0side\0";
static const char bearing_names[] = "bpfo\0bpfi\0bsf\0ftf\0";
#define BEARING 3
#define FROM_ONE 0xc4u /* a bit for each family that is numbered from 1 */

static const char errors[] =
    "ok\0"
    "rate_millihz must be 1000 to 100000000\0"
    "window must be a power of two, 64 to 4096\0"
    "hop must be 1 to 1000000\0"
    "axes must be 1 to 3\0"
    "lsb_nm_s2 must be 1 to 4000000000\0"
    "bands must be 1 to 32\0"
    "band_lo_hz must be rate/window or more and under band_hi_hz, which must be rate/2 or less, "
    "with a bin or more per band\0"
    "envelope_bands must be 0 to 16\0"
    "envelope_lo_hz to envelope_hi_hz must lie under rate/2, be rate/4 wide at most and "
    "hold 3 bins more than envelope_bands\0"
    "memory too small or not 8-byte aligned\0"
    "array length does not fit the configuration\0"
    "no whole window is held\0"
    "not a model, damaged, or cut short\0"
    "model was made for another core or feature version\0"
    "a field of the model is out of range\0"
    "the model has no classifier\0"
    "raw format: bits must be 8 to 24, sample_bytes 2 or 3 and enough for them, skip_bytes 0 to 8\0"
    "orders must be 0 to 8\0"
    "bpfo, bpfi, bsf and ftf_milliorders must be 0 to 50000, and all 0 without envelope_bands\0"
    "by_angle must be 1, bands of orders 0 to 8, order_lo_milliorders to 50000, mesh_ to 4000000, side_ to that\0"
    "speeds in a window must be within 5/4\0"
    "slow_window must be a power of two, 10 s of 48 to 96 Hz to window, slow_bands 1 to 32, slow_orders 0 to 8\0";

static const char *nth(const char *text, size_t n)
{
    while (n-- && *text) {
        text += strlen(text) + 1;
    }
    return text;
}

const char *vib_error_text(int status)
{
    const char *text = nth(errors, (unsigned)-status);
    return *text ? text : "unknown error";
}

int vib_feature_name(const vib_config_t *c, size_t index, char *name)
{
    size_t all = vib_feature_count(c), per_axis = all / c->axes, meshes = vib_meshes(c), family = 0;
    size_t slow = c->slow_window ? VIB_F_COUNT + c->slow_bands + c->slow_orders : 0;
    size_t counts[] = { c->bands,       c->envelope_bands,
                        c->orders,      vib_has_bearing(c) ? VIB_BEARING_FREQUENCIES : 0,
                        c->order_bands, c->order_envelope_bands,
                        meshes,         meshes };
    if (index >= all) {
        return VIB_ERR_LENGTH;
    }
    *name++ = (char)('x' + index / per_axis);
    *name++ = '.';
    index %= per_axis;
    if (index >= per_axis - slow) {
        index -= per_axis - slow;
        memcpy(name, "slow_", 5);
        name += 5;
        counts[0] = c->slow_bands;
        counts[1] = 0; /* orders are the last */
        counts[2] = slow;
    }
    const char *text = nth(feature_names, index);
    bool numbered = false;
    if (index >= VIB_F_COUNT) {
        for (index -= VIB_F_COUNT; index >= counts[family]; family++) {
            index -= counts[family];
        }
        numbered = family != BEARING;
        text = numbered ? nth(families, family) : nth(bearing_names, index);
    }
    size_t n = strlen(text);
    memcpy(name, text, n + 1);
    if (numbered) {
        index += FROM_ONE >> family & 1;
        name[n] = (char)('0' + index / 10);
        name[n + 1] = (char)('0' + index % 10);
        name[n + 2] = 0;
    }
    return VIB_OK;
}
