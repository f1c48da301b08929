/*
 * What a window costs: runs every stage of the core, its models and the float peer once and prints a line
 * "name number" for each. window.h and model_bin.h are made by bench/inputs.py.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "model_bin.h"
#include "peer.h"
#include "window.h"
#include "stack.h"
#include "stage.h"
#include "vib_core.h"
#include "vib_fft.h"

#define MAX_FEATURES 256

extern const vib_model_t vib_linked_model;

static const vib_config_t plain = PLAIN_CONFIG;
static const vib_config_t with_envelope = ENVELOPE_CONFIG;
static const vib_config_t with_bearing = BEARING_CONFIG;
static const vib_config_t by_angle = BY_ANGLE_CONFIG;
static const uint32_t course[] = COURSE_MILLIHZ;
static uint64_t memory[8192];
static int16_t features[MAX_FEATURES];
static const int16_t baseline[MAX_FEATURES];
static float peer_out[MAX_FEATURES];
static vib_core_t *core;
static vib_model_t mahalanobis_model, mixture_model, isolation_model;
static int16_t score;
static uint32_t inline_class, table_class;
static int status;

static void check(int result)
{
    if (result != VIB_OK) {
        printf("error: %s\n", vib_error_text(result));
        exit(1);
    }
}

/* --- the stages: each works on what stands above, and leaves its status there --- */

static void nothing(void)
{
}

static void push_last_hop(void)
{
    size_t taken, kept = core->config.window - core->config.hop;
    vib_core_push(core, signal_frames + kept * core->config.axes, core->config.hop, &taken);
}

static void block(void)
{
    vib_block_t made;
    (void)vib_block_scan(core, core->frames, core->config.axes, &made);
    vib_block_fill(core, core->frames, core->config.axes, &made);
}

static void to_the_end(vib_fft_t *transform)
{
    while (!vib_fft_step(transform)) {
    }
}

static void rfft(void)
{
    vib_fft_t transform;
    vib_rfft_begin(&transform, core->spectrum, core->log2n);
    to_the_end(&transform);
}

static void envelope(void)
{
    vib_fft_t transform;
    vib_demodulate(core);
    vib_cfft_begin(&transform, core->demodulated, core->envelope_log2n);
    to_the_end(&transform);
    vib_squared_magnitude(core);
    vib_rfft_begin(&transform, core->demodulated, core->envelope_log2n);
    to_the_end(&transform);
    vib_modulation(core, features);
}

static void turn(void)
{
    vib_block_t made;
    (void)vib_block_scan(core, core->frames, core->config.axes, &made);
    vib_turn(core, core->frames, core->config.axes, &made);
}

static void scan(void)
{
    vib_block_t made;
    (void)vib_block_scan(core, core->frames, core->config.axes, &made);
}

static void tell_course(void)
{
    status = vib_core_set_course(core, course, sizeof course / sizeof course[0]);
}

static void all_features(void)
{
    status = vib_core_features(core, features, vib_feature_count(&core->config));
}

static void mahalanobis(void)
{
    status = vib_model_score(&mahalanobis_model, features, vib_feature_count(&plain), baseline, &score);
}

static void mixture(void)
{
    status = vib_model_score(&mixture_model, features, vib_feature_count(&plain), baseline, &score);
}

static void isolation(void)
{
    status = vib_model_score(&isolation_model, features, vib_feature_count(&plain), baseline, &score);
}

static void forest_inline(void)
{
    status = vib_model_classify(&vib_linked_model, features, vib_feature_count(&plain), NULL, &inline_class);
}

static void forest_table(void)
{
    status = vib_model_classify(&mahalanobis_model, features, vib_feature_count(&plain), NULL, &table_class);
}

static void float_peer(void)
{
    peer_features(signal_frames, peer_out);
}

/* --- what is reported of them --- */

static void checked_stage(const char *name, void (*work)(void))
{
    stage(name, work);
    check(status);
}

/* A core that lacks only the last hop of a window. */
static void begin_window(const vib_config_t *config)
{
    size_t taken;
    check(vib_core_init(memory, sizeof memory, config, &core));
    vib_core_push(core, signal_frames, config->window - config->hop, &taken);
}

static void measure_parts(void)
{
    begin_window(&with_envelope);
    stage("push", push_last_hop);
    stage("block", block);
    stage("rfft1024", rfft);
    stage("envelope", envelope);
    begin_window(&with_bearing);
    vib_core_set_shaft(core, SHAFT_MILLIHZ);
    push_last_hop();
    block();
    rfft();
    stage("envelope_bearing", envelope);
    begin_window(&by_angle);
    push_last_hop();
    checked_stage("course", tell_course);
    stage("scan", scan);
    stage("scan_turn", turn);
    checked_stage("features3x1024_by_angle", all_features);
}

static void measure_features(const vib_config_t *config, const char *name, const char *memory_name)
{
    size_t bytes = 0;
    begin_window(config);
    push_last_hop();
    checked_stage(name, all_features);
    check(vib_core_size(config, &bytes));
    printf("%s %lu\n", memory_name, (unsigned long)bytes);
}

static void measure_models(void)
{
    check(vib_model_check(&vib_linked_model));
    check(vib_model_load(mahalanobis_bin, sizeof mahalanobis_bin, &mahalanobis_model));
    check(vib_model_load(mixture_bin, sizeof mixture_bin, &mixture_model));
    check(vib_model_load(isolation_bin, sizeof isolation_bin, &isolation_model));
    checked_stage("mahalanobis", mahalanobis);
    checked_stage("mixture", mixture);
    checked_stage("isolation", isolation);
    checked_stage("forest_inline", forest_inline);
    checked_stage("forest_table", forest_table);
    if (inline_class != table_class) {
        printf("error: the forest inline says %u, as a table %u\n", (unsigned)inline_class, (unsigned)table_class);
        exit(1);
    }
}

/* The peer must compute the same thing, or comparing costs says nothing. */
static void measure_peer(const vib_config_t *config, const char *name, const char *difference_name)
{
    float furthest = 0;
    peer_init(config);
    stage(name, float_peer);
    for (size_t i = 0; i < vib_feature_count(config); i++) {
        float difference = fabsf(peer_out[i] - (float)features[i]);
        furthest = difference > furthest ? difference : furthest;
    }
    printf("%s %lu\n", difference_name, (unsigned long)(furthest * 1000));
}

static void measure_stack(void)
{
    begin_window(&with_envelope);
    push_last_hop();
    stack_of("stack.features", all_features);
    stack_of("stack.mahalanobis", mahalanobis);
    stack_of("stack.mixture", mixture);
    stack_of("stack.isolation", isolation);
    stack_of("stack.forest_inline", forest_inline);
    stack_of("stack.forest_table", forest_table);
}

int main(void)
{
    counting_starts();
    stage("nothing", nothing);
    measure_parts();
    measure_features(&with_envelope, "features3x1024_envelope", "memory_envelope");
    measure_peer(&with_envelope, "float_peer3x1024_envelope", "peer_differs_envelope");
    measure_features(&plain, "features3x1024", "memory");
    measure_peer(&plain, "float_peer3x1024", "peer_differs");
    stage("float_fft1024", peer_fft);
    measure_models();
    measure_stack();
    return 0;
}
