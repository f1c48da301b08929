/* Compares the golden vectors of the folder given as argument with the C core. Layouts: make_golden.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vib.h"

static FILE *open_file(const char *folder, const char *name, const char *suffix)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix);
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        exit(1);
    }
    return file;
}

static void need(int holds, const char *what, long number)
{
    if (!holds) {
        fprintf(stderr, "%s, number %ld\n", what, number);
        exit(1);
    }
}

static uint32_t word(FILE *file)
{
    uint32_t value = 0;
    need(fread(&value, sizeof value, 1, file) == 1, "cut short", 0);
    return value;
}

/* One stream's windows. config and speeds are read. */
static void check_stream(FILE *file, const vib_config_t *config, const uint32_t *speeds, uint32_t n_speeds, long count)
{
    size_t bytes = 0, taken = 0, at = 0, frames = word(file), windows = word(file), values = frames * config->axes;
    need(vib_core_size(config, &bytes) == VIB_OK, "config", count);
    size_t n = vib_feature_count(config);
    int16_t *samples = malloc(values * 2), *expected = malloc(n * 2), *got = calloc(n, 2);
    void *memory = malloc(bytes);
    vib_core_t *core = NULL;
    need(fread(samples, 2, values, file) == values && vib_core_init(memory, bytes, config, &core) == VIB_OK, "init",
         count);
    if (n_speeds == 1) {
        vib_core_set_shaft(core, speeds[0]);
    }
    for (size_t window = 0; window < windows; window++) {
        vib_core_push(core, samples + at * config->axes, frames - at, &taken);
        at += taken;
        int known = n_speeds > 1 ? vib_core_set_course(core, speeds, n_speeds) : VIB_OK;
        need(known == VIB_OK || known == VIB_ERR_COURSE, "course refused", count);
        for (bool done = false; !done;) {
            need(vib_core_step(core, got, n, window % 2 ? UINT32_MAX : 1, &done) == VIB_OK, "step refused", count);
        }
        need(fread(expected, 2, n, file) == n && !memcmp(got, expected, n * 2), "stream differs", count);
    }
    free(samples);
    free(expected);
    free(got);
    free(memory);
}

static long check_streams(FILE *file)
{
    uint32_t fields, speeds[17];
    long count = 0;
    for (; fread(&fields, sizeof fields, 1, file) == 1; count++) {
        vib_config_t config = { 0 };
        need(fields * 4 <= sizeof config && fread(&config, 4, fields, file) == fields, "config", count);
        uint32_t n_speeds = word(file);
        need(n_speeds <= 17 && fread(speeds, 4, n_speeds, file) == n_speeds, "speeds", count);
        check_stream(file, &config, speeds, n_speeds, count);
    }
    return count;
}

/* The configurations of windows.bin have no fields but the first 16. */
static long check_windows(FILE *file)
{
    vib_config_t config = { 0 };
    uint32_t rest[2]; /* shaft_millihz, n_features */
    long count = 0;
    while (fread(&config, 4, 16, file) == 16) {
        size_t bytes = 0, taken = 0, frames = config.window, values = config.window * config.axes;
        vib_core_t *core = NULL;
        need(fread(rest, sizeof rest, 1, file) == 1 && vib_core_size(&config, &bytes) == VIB_OK, "config", count);
        size_t n = vib_feature_count(&config);
        int16_t *samples = malloc(values * 2), *expected = malloc(n * 2), *got = malloc(n * 2);
        void *memory = malloc(bytes);
        need(n == rest[1] && fread(samples, 2, values, file) == values && fread(expected, 2, n, file) == n, "cut short",
             count);
        need(vib_core_init(memory, bytes, &config, &core) == VIB_OK, "init", count);
        vib_core_set_shaft(core, rest[0]);
        vib_core_push(core, samples, frames, &taken);
        need(taken == frames && vib_core_features(core, got, n) == VIB_OK, "features refused", count);
        need(memcmp(got, expected, n * 2) == 0, "features differ", count);
        vib_core_gap(core);
        vib_core_push(core, samples, frames, &taken);
        memset(got, 0, n * 2);
        for (bool done = false; !done;) {
            need(vib_core_step(core, got, n, 1, &done) == VIB_OK, "step refused", count);
        }
        need(memcmp(got, expected, n * 2) == 0, "features in steps differ", count);
        free(samples);
        free(expected);
        free(got);
        free(memory);
        count++;
    }
    return count;
}

static long check_scores(const char *folder, const char *name)
{
    static uint32_t data[16384];
    FILE *file = open_file(folder, name, ".bin");
    size_t bytes = fread(data, 1, sizeof data, file);
    vib_model_t model;
    uint32_t head[2]; /* n_features, rows */
    fclose(file);
    need(vib_model_load(data, bytes, &model) == VIB_OK, "model refused", 0);
    file = open_file(folder, name, ".scores");
    need(fread(head, sizeof head, 1, file) == 1, "cut short", 0);
    size_t n = head[0];
    int16_t *baseline = malloc(n * 2), *row = malloc((n + 6) * 2), *answers = row + n;
    need(fread(baseline, 2, n, file) == n, "cut short", 0);
    for (uint32_t i = 0; i < head[1]; i++) {
        int16_t score;
        uint32_t index;
        bool outside;
        need(fread(row, 2, n + 6, file) == n + 6, "cut short", i);
        need(vib_model_score(&model, row, n, NULL, &score) == VIB_OK && score == answers[0], "score differs", i);
        need(vib_model_score(&model, row, n, baseline, &score) == VIB_OK && score == answers[1], "score differs", i);
        need(vib_model_classify(&model, row, n, NULL, &index) == VIB_OK && (int)index == answers[2], "class differs",
             i);
        need(vib_model_outside(&model, row, n, &outside) == VIB_OK && outside == answers[3], "regime differs", i);
        need(vib_model_place(&model, row, n, &score) == VIB_OK && score == answers[4], "place differs", i);
        need(vib_model_far(&model, row, n, baseline, &score) == VIB_OK && score == answers[5], "far differs", i);
    }
    free(baseline);
    free(row);
    fclose(file);
    return (long)head[1];
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    FILE *file = open_file(folder, "windows", ".bin");
    long windows = check_windows(file), rows = 0;
    fclose(file);
    file = open_file(folder, "streams", ".bin");
    long streams = check_streams(file);
    fclose(file);
    rows += check_scores(folder, "mahalanobis");
    rows += check_scores(folder, "gaussian-mixture");
    rows += check_scores(folder, "isolation-forest");
    printf("golden: %ld windows %ld streams %ld rows\n", windows, streams, rows);
    return 0;
}
