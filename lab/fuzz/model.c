/*
 * libFuzzer harness: any bytes as model.bin, once as they are and once with length and CRC put right, so that mutations
 * get past those. A model that loads must score and classify any features within the stated ranges.
 */
#include <stdlib.h>
#include <string.h>

#include "vib.h"

#define MAX_FEATURES 480

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* CRC-32 with a table: the core's own, bit by bit, is slower, and is what is tested here. */
static uint32_t crc32(const uint8_t *p, size_t n)
{
    static uint32_t table[256];
    uint32_t crc = 0xffffffffu;
    for (uint32_t i = 0; i < 256 && !table[255]; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++) {
            table[i] = (table[i] >> 1) ^ ((table[i] & 1) ? 0xedb88320u : 0);
        }
    }
    while (n--) {
        crc = (crc >> 8) ^ table[(crc ^ *p++) & 255];
    }
    return ~crc;
}

static void seal(uint8_t *data, uint32_t size)
{
    memcpy(data + 8, &size, 4);
    uint32_t crc = crc32(data, size - 4);
    memcpy(data + size - 4, &crc, 4);
}

/* Features from the model's own bytes, small and large. */
static void fill(int16_t *features, size_t n, const uint8_t *data, size_t size, size_t from, int shift)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t word = (uint16_t)(data[(from + 2 * i) % size] | data[(from + 2 * i + 1) % size] << 8);
        features[i] = (int16_t)((int16_t)word >> shift);
    }
}

static void apply(const vib_model_t *m, const int16_t *features, size_t n, const int16_t *baseline)
{
    int16_t score;
    uint32_t class_index;
    require(vib_model_score(m, features, n, baseline, &score) == VIB_OK);
    require(score >= -2048 && (m->anomaly == VIB_GAUSSIAN || !baseline || score <= 2048));
    int status = vib_model_classify(m, features, n, baseline, &class_index);
    require(m->n_classes ? status == VIB_OK && class_index < m->n_classes : status == VIB_ERR_NO_CLASSES);
}

static void try_model(const uint8_t *data, size_t size)
{
    vib_model_t m;
    int status = vib_model_load(data, size, &m);
    require(strcmp(vib_error_text(status), "unknown error") != 0);
    if (status != VIB_OK) {
        return;
    }
    size_t n = vib_feature_count(&m.config);
    require(n <= MAX_FEATURES && strlen(m.name) < size);
    for (uint32_t i = 0; i < m.n_classes; i++) {
        require(strlen(vib_model_class(&m, i)) < size);
    }
    require(vib_model_class(&m, m.n_classes) == NULL);
    int16_t *features = malloc(n * sizeof *features), *baseline = malloc(n * sizeof *baseline);
    bool outside;
    for (int shift = 0; shift <= 8; shift += 4) {
        fill(features, n, data, size, 132, shift);
        fill(baseline, n, data, size, 24, shift);
        apply(&m, features, n, NULL);
        require(vib_model_outside(&m, features, n, &outside) == VIB_OK);
        apply(&m, features, n, baseline);
    }
    int16_t score;
    uint32_t class_index;
    require(vib_model_score(&m, features, n - 1, NULL, &score) == VIB_ERR_LENGTH);
    require(vib_model_classify(&m, features, n - 1, NULL, &class_index) == VIB_ERR_LENGTH);
    require(vib_model_outside(&m, features, n - 1, &outside) == VIB_ERR_LENGTH);
    free(features);
    free(baseline);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* of that very size, so that a byte too far is seen */
    memcpy(copy, data, size);
    try_model(copy, size);
    if (size >= 16) {
        seal(copy, (uint32_t)size);
        try_model(copy, size);
    }
    free(copy);
    return 0;
}
