/*
 * libFuzzer harness: any configuration and any samples, in windows that go in lockstep (training/vib/lanes.c) and one
 * after another; both must give the same features.
 *
 * Input: a byte of flags; the configuration's fields; speed of the shaft; samples, over and over as far as windows need
 * them, each time shifted by one bit more, so that they come in several sizes.
 */
#include <stdlib.h>
#include <string.h>

#include "lanes.h"
#include "near.h"

#define CONFIG_AT 1
#define SHAFT_AT (CONFIG_AT + (int)sizeof(vib_config_t))
#define SAMPLES_AT (SHAFT_AT + 4)
#define MAX_WINDOW 256

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void *memory(size_t bytes)
{
    void *p = malloc(bytes); /* of that very size, so that one too many is seen */
    require(p != NULL);
    return p;
}

static int16_t *repeated(const uint8_t *data, size_t bytes, size_t count)
{
    int16_t *samples = memory(count * sizeof *samples);
    for (size_t i = 0; i < count; i++) {
        memcpy(&samples[i], data + 2 * (i % (bytes / 2)), 2);
        samples[i] = (int16_t)(samples[i] >> i / (bytes / 2) % 16);
    }
    return samples;
}

static void one_by_one(const vib_config_t *c, uint32_t shaft_millihz, const int16_t *samples, int16_t *out)
{
    size_t bytes = 0, n = vib_feature_count(c), taken;
    vib_core_t *core;
    require(vib_core_size(c, &bytes) == VIB_OK);
    void *held = memory(bytes);
    require(vib_core_init(held, bytes, c, &core) == VIB_OK);
    vib_core_set_shaft(core, shaft_millihz);
    for (size_t i = 0; i < N_LANES; i++) {
        vib_core_gap(core);
        vib_core_push(core, samples + i * c->hop * c->axes, c->window, &taken);
        require(vib_core_features(core, out + i * n, n) == VIB_OK);
    }
    free(held);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vib_config_t config;
    uint32_t shaft_millihz;
    if (size < SAMPLES_AT + 2 || !lanes_supported()) {
        return 0;
    }
    memcpy(&config, data + CONFIG_AT, sizeof config);
    memcpy(&shaft_millihz, data + SHAFT_AT, sizeof shaft_millihz);
    if (data[0] & 1) {
        bring_near(&config);
    }
    config.slow_window = config.slow_bands = config.slow_orders = 0;
    config.by_angle = config.order_bands = config.order_envelope_bands = config.order_lo_milliorders = 0;
    config.mesh1_milliorders = config.mesh2_milliorders = config.mesh3_milliorders = 0;
    config.side1_milliorders = config.side2_milliorders = config.side3_milliorders = 0; /* these never go in lockstep */
    if (vib_config_check(&config) != VIB_OK || config.window > MAX_WINDOW || config.hop > 2 * MAX_WINDOW) {
        return 0;
    }
    size_t row = vib_feature_count(&config), bytes = N_LANES * row * sizeof(int16_t);
    size_t frames = config.window + (N_LANES - 1) * config.hop;
    int16_t *samples = repeated(data + SAMPLES_AT, size - SAMPLES_AT, frames * config.axes);
    int16_t *together = memory(bytes), *apart = memory(bytes);
    lanes_t *lanes = lanes_new(&config, shaft_millihz);
    require(lanes != NULL);
    lanes_features(lanes, samples, together);
    lanes_free(lanes);
    one_by_one(&config, shaft_millihz, samples, apart);
    require(!memcmp(together, apart, bytes));
    free(samples);
    free(together);
    free(apart);
    return 0;
}
