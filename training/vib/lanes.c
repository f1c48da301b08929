/*
 * The numeric source of the core once more, with a vector of eight windows' numbers where it says vib_i32_t: the same
 * operations in the same order, so the same features. Only this file is compiled for AVX2; it is called where the
 * processor has it.
 */
#include "lanes.h"

#if defined(__GNUC__) && defined(__x86_64__)

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

bool lanes_supported(void)
{
    return __builtin_cpu_supports("avx2");
}

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#pragma GCC optimize("unroll-loops")
#endif

#define VIB_LANES "lanes_avx2.h"
#include "vib_axis.c" /* that is firmware/cmodules/vib */
#include "vib_block.c"
#include "vib_envelope.c"
#include "vib_features.c"
#include "vib_fft.c"
#include "vib_level.c"
#include "vib_math.c"
#include "vib_orders.c"

#define MAX_FEATURES (VIB_F_COUNT + VIB_MAX_BANDS + VIB_MAX_ENVELOPE_BANDS + VIB_MAX_ORDERS + VIB_BEARING_FREQUENCIES)

struct lanes {
    vib_config_t config;
    vib_core_t *core; /* of one axis, its two buffers of vectors */
};

static vib_core_t *core_of_one_axis(vib_config_t config)
{
    size_t bytes = 0;
    vib_core_t *core = NULL;
    config.axes = 1;
    void *memory =
        !config.by_angle && !config.slow_window && vib_core_size(&config, &bytes) == VIB_OK ? malloc(bytes) : NULL;
    if (memory && vib_core_init(memory, bytes, &config, &core) != VIB_OK) {
        free(memory);
    }
    return core;
}

lanes_t *lanes_new(const vib_config_t *config, uint32_t shaft_millihz)
{
    lanes_t *lanes = malloc(sizeof *lanes);
    vib_core_t *core = core_of_one_axis(*config);
    /* the envelope's transform takes half a window's points at most, of two numbers each */
    vib_i32_t *buffers = _mm_malloc(2 * config->window * sizeof *buffers, sizeof *buffers);
    if (!lanes || !core || !buffers) {
        free(lanes);
        free(core);
        _mm_free(buffers);
        return NULL;
    }
    vib_core_set_shaft(core, shaft_millihz);
    core->spectrum = buffers;
    core->demodulated = buffers + config->window;
    lanes->config = *config;
    lanes->core = core;
    return lanes;
}

/* One axis of eight windows, side by side. */
static void gather(const vib_config_t *c, const int16_t *first, vib_i32_t *x)
{
    typedef int16_t samples_t __attribute__((vector_size(2 * N_LANES)));
    size_t apart = (size_t)c->hop * c->axes;
    for (uint32_t i = 0; i < c->window; i++, first += c->axes) {
        samples_t s = { first[0],         first[apart],     first[2 * apart], first[3 * apart],
                        first[4 * apart], first[5 * apart], first[6 * apart], first[7 * apart] };
        x[i] = (vib_i32_t)_mm256_cvtepi16_epi32((__m128i)s);
    }
}

void lanes_features(lanes_t *lanes, const int16_t *samples, int16_t *out)
{
    const vib_config_t *c = &lanes->config;
    size_t n = vib_feature_count(c), per_axis = n / c->axes;
    for (uint32_t axis = 0; axis < c->axes; axis++) {
        vib_i32_t features[MAX_FEATURES], *x = lanes->core->spectrum;
        gather(c, samples + axis, x);
        vib_axis_t axis_under_way;
        vib_axis_begin(&axis_under_way, x, 1, features);
        while (!vib_axis_step(lanes->core, &axis_under_way)) {
        }
        for (size_t i = 0; i < per_axis * N_LANES; i++) {
            out[i % N_LANES * n + axis * per_axis + i / N_LANES] = (int16_t)features[i / N_LANES][i % N_LANES];
        }
    }
}

void lanes_free(lanes_t *lanes)
{
    _mm_free(lanes->core->spectrum);
    free(lanes->core);
    free(lanes);
}

#ifdef __clang__
#pragma clang attribute pop
#endif

#else

bool lanes_supported(void)
{
    return false;
}

lanes_t *lanes_new(const vib_config_t *config, uint32_t shaft_millihz)
{
    (void)config;
    (void)shaft_millihz;
    return NULL;
}

void lanes_features(lanes_t *lanes, const int16_t *samples, int16_t *out)
{
    (void)lanes;
    (void)samples;
    (void)out;
}

void lanes_free(lanes_t *lanes)
{
    (void)lanes;
}

#endif
