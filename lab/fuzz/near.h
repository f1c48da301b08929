/* Arbitrary words to a configuration: most of them are far out of range and end at the first checks. */
#ifndef NEAR_H
#define NEAR_H

#include "vib.h"

static inline uint32_t in_range(uint32_t x, uint32_t lo, uint32_t hi)
{
    return hi > lo ? lo + x % (hi - lo + 1) : lo;
}

/* Brings every field near, so that runs get past the checks and to their edges. */
static inline void bring_near(vib_config_t *c)
{
    c->rate_millihz = in_range(c->rate_millihz, 1000, 100000000);
    c->window = 64u << c->window % 2;
    c->hop = in_range(c->hop, 1, 2 * c->window);
    if (c->slow_window % 4 == 1) { /* the least that has a slow path */
        c->rate_millihz = in_range(c->rate_millihz, 384000, 409600);
        c->window = c->slow_window = 512;
        c->hop = c->hop < 128 ? c->hop + 128 : c->hop;
        c->slow_bands = in_range(c->slow_bands, 1, VIB_MAX_BANDS);
        c->slow_orders = in_range(c->slow_orders, 0, VIB_MAX_ORDERS);
    } else {
        c->slow_window = c->slow_bands = c->slow_orders = 0;
    }
    c->axes = in_range(c->axes, 1, VIB_MAX_AXES);
    c->lsb_nm_s2 = in_range(c->lsb_nm_s2, 1, 4000000000u);
    c->bands = in_range(c->bands, 1, VIB_MAX_BANDS);
    uint32_t half = c->rate_millihz / 2000, bin = c->rate_millihz / 1000 / c->window;
    c->band_lo_hz = in_range(c->band_lo_hz, bin + 1, half);
    c->band_hi_hz = in_range(c->band_hi_hz, c->band_lo_hz, half);
    c->envelope_bands = in_range(c->envelope_bands, 0, VIB_MAX_ENVELOPE_BANDS);
    c->envelope_lo_hz = in_range(c->envelope_lo_hz, 0, half);
    c->envelope_hi_hz = in_range(c->envelope_hi_hz, c->envelope_lo_hz, c->envelope_lo_hz + half / 2);
    c->orders = in_range(c->orders, 0, VIB_MAX_ORDERS);
    c->bpfo_milliorders = in_range(c->bpfo_milliorders, 0, 50000);
    c->bpfi_milliorders = in_range(c->bpfi_milliorders, 0, 50000);
    c->bsf_milliorders = in_range(c->bsf_milliorders, 0, 50000);
    c->ftf_milliorders = in_range(c->ftf_milliorders, 0, 50000);
    c->by_angle = in_range(c->by_angle, 0, 1);
    c->order_bands = in_range(c->order_bands, 0, c->by_angle * VIB_MAX_OCTAVES);
    c->order_envelope_bands =
        in_range(c->order_envelope_bands, 0, c->envelope_bands ? c->by_angle * VIB_MAX_OCTAVES : 0);
    c->order_lo_milliorders =
        c->order_bands | c->order_envelope_bands ? in_range(c->order_lo_milliorders, 1, 50000) : 0;
    uint32_t *const mesh[] = { &c->mesh1_milliorders, &c->side1_milliorders, &c->mesh2_milliorders,
                               &c->side2_milliorders, &c->mesh3_milliorders, &c->side3_milliorders };
    for (int i = 0; i < 6; i += 2) {
        bool may = c->by_angle && (i == 0 || *mesh[i - 2]);
        *mesh[i] = in_range(*mesh[i], 0, may ? 4000000 : 0);
        *mesh[i + 1] = in_range(*mesh[i + 1], 0, *mesh[i]);
    }
}

#endif
