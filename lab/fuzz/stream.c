/*
 * libFuzzer harness: any configuration and FIFO format, then any bytes in any lumps with gaps between. Two cores get the
 * same, one in lumps and one frame by frame (by vib_core_push where the format is the core's own), and must give the
 * same windows.
 *
 * Input: a byte of flags; the configuration's fields; bits, sample bytes, flags and skipped bytes of the format; then
 * commands, each one byte and the bytes off the bus that it counts, or a gap, or a speed of the shaft, or several.
 */
#include <stdlib.h>
#include <string.h>

#include "near.h"

#define CONFIG_AT 1
#define FORMAT_AT (CONFIG_AT + (int)sizeof(vib_config_t))
#define COMMANDS_AT (FORMAT_AT + 4)
#define MAX_WINDOW 256   /* of a configuration that is run; larger ones are checked and their memory laid out */
#define MAX_WINDOWS 2    /* features asked for in one run, for speed: hops may be of one frame */
#define SLOW_WINDOW 512  /* of a configuration with a slow path: it takes 18 windows until that has one */
#define SLOW_WINDOWS 40
#define MAX_FEATURES 480
#define BYTES_OF_COMMAND 8 /* for each count of its byte */
#define GAP 255
#define SHAFT 254 /* its speed follows, 1/1000 Hz, 4 bytes */
#define AGAIN 252 /* the bytes off the bus before it once more, as often as the next byte says */
#define COURSE 253 /* log2 of its parts, then as many speeds and one more, 2 bytes each, on top of one of 4 */

typedef struct {
    const uint8_t *at;
    size_t left;
} input_t;

typedef struct {
    void *memory;
    vib_core_t *core;
    size_t frame_bytes, n_features, windows, most;
    int16_t last[MAX_FEATURES];
} stream_t;

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static vib_format_t read_format(const uint8_t *p, bool near)
{
    vib_format_t f = { p[0], p[1], p[2] & 1, p[2] & 2, p[3] };
    if (near) {
        f.sample_bytes = (uint8_t)in_range(f.sample_bytes, 2, 3);
        f.bits = (uint8_t)in_range(f.bits, 8, 8u * f.sample_bytes);
        f.skip_bytes = (uint8_t)in_range(f.skip_bytes, 0, 8);
    }
    return f;
}

static bool is_native(const vib_format_t *f)
{
    return f->bits == 16 && f->sample_bytes == 2 && !f->big_endian && f->skip_bytes == 0;
}

static bool open_stream(const vib_config_t *config, const vib_format_t *format, stream_t *s)
{
    size_t bytes = 0;
    int status = vib_core_size(config, &bytes);
    require(strcmp(vib_error_text(status), "unknown error") != 0);
    if (status != VIB_OK) {
        return false;
    }
    memset(s, 0, sizeof *s);
    s->memory = malloc(bytes);
    s->frame_bytes = vib_format_frame_bytes(format, config->axes);
    s->n_features = vib_feature_count(config);
    s->most = config->slow_window ? SLOW_WINDOWS : MAX_WINDOWS;
    require(s->n_features <= MAX_FEATURES);
    require(vib_core_init(s->memory, bytes - 1, config, &s->core) == VIB_ERR_MEMORY);
    require(vib_core_init(s->memory, bytes, config, &s->core) == VIB_OK);
    return true;
}

/* One push of n frames; `format` NULL: of the core's own. Returns how many were taken. */
static size_t push(stream_t *s, const vib_format_t *format, const uint8_t *data, size_t n)
{
    size_t taken = 0;
    if (format) {
        require(vib_core_push_raw(s->core, format, data, n, &taken) == VIB_OK);
    } else {
        int16_t *frames = malloc(n * s->frame_bytes + 1);
        memcpy(frames, data, n * s->frame_bytes);
        vib_core_push(s->core, frames, n, &taken);
        free(frames);
    }
    require(taken <= n && (taken == n || vib_core_ready(s->core)));
    return taken;
}

/* Push n frames, at most `lump` at a time, and take each window's features as it becomes whole. */
static void feed(stream_t *s, const vib_format_t *format, const uint8_t *data, size_t n, size_t lump)
{
    while (n && s->windows < s->most) {
        size_t taken = push(s, format, data, n < lump ? n : lump);
        data += taken * s->frame_bytes;
        n -= taken;
        if (vib_core_ready(s->core)) {
            int16_t *out = malloc(s->n_features * sizeof *out); /* of that very size, so that one too many is seen */
            require(vib_core_features(s->core, out, s->n_features) == VIB_OK);
            memcpy(s->last, out, s->n_features * sizeof *out);
            free(out);
            s->windows++;
        }
    }
    require(vib_core_features(s->core, s->last, s->n_features - 1) == VIB_ERR_LENGTH);
    require(vib_core_ready(s->core) || vib_core_features(s->core, s->last, s->n_features) == VIB_ERR_NOT_READY);
}

/* A course from the input to both cores. */
static void steer(stream_t *lumps, stream_t *singles, input_t *in)
{
    uint32_t speeds[VIB_MAX_COURSE + 4], base;
    size_t n = (1u << in->at[0] % 5) + 1 + (in->at[0] >> 6 == 3); /* some that are of no right number */
    if (in->left < 5 + 2 * n) {
        return;
    }
    memcpy(&base, in->at + 1, 4);
    for (size_t i = 0; i < n; i++) {
        speeds[i] = base + in->at[5 + 2 * i] + 256u * in->at[6 + 2 * i];
    }
    uint32_t *exact = malloc(n * sizeof *exact);
    memcpy(exact, speeds, n * sizeof *exact);
    int status = vib_core_set_course(lumps->core, exact, n);
    require(status == vib_core_set_course(singles->core, exact, n));
    require(status == VIB_OK || status == VIB_ERR_COURSE || status == VIB_ERR_LENGTH);
    free(exact);
    in->at += 5 + 2 * n;
    in->left -= 5 + 2 * n;
}

static void both(stream_t *lumps, stream_t *singles, const vib_format_t *format, input_t lump)
{
    size_t n = lump.left / lumps->frame_bytes;
    feed(lumps, format, lump.at, n, n);
    feed(singles, is_native(format) ? NULL : format, lump.at, n, 1);
    require(lumps->windows == singles->windows && !memcmp(lumps->last, singles->last, sizeof lumps->last));
    require(vib_core_slow_windows(lumps->core) == vib_core_slow_windows(singles->core));
}

/* Both cores through all commands. */
static void play(stream_t *lumps, stream_t *singles, const vib_format_t *format, input_t in)
{
    input_t lump = { in.at, 0 };
    while (in.left && lumps->windows < lumps->most) {
        uint8_t command = *in.at;
        size_t bytes = (size_t)command * BYTES_OF_COMMAND;
        in.at++;
        in.left--;
        if (command == GAP) {
            vib_core_gap(lumps->core);
            vib_core_gap(singles->core);
            continue;
        }
        if (command == SHAFT && in.left >= 4) {
            uint32_t shaft_millihz;
            memcpy(&shaft_millihz, in.at, 4);
            vib_core_set_shaft(lumps->core, shaft_millihz);
            vib_core_set_shaft(singles->core, shaft_millihz);
            in.at += 4;
            in.left -= 4;
            continue;
        }
        if (command == AGAIN && in.left) {
            for (uint8_t times = *in.at; times && lumps->windows < lumps->most; times--) {
                both(lumps, singles, format, lump);
            }
            in.at++;
            in.left--;
            continue;
        }
        if (command == COURSE && in.left) {
            steer(lumps, singles, &in);
            continue;
        }
        bytes = bytes < in.left ? bytes : in.left;
        lump = (input_t){ in.at, bytes };
        both(lumps, singles, format, lump);
        in.at += bytes;
        in.left -= bytes;
    }
}

static void run(const vib_config_t *config, const vib_format_t *format, input_t in)
{
    stream_t lumps, singles;
    size_t taken = 0;
    if (!open_stream(config, format, &lumps)) {
        return;
    }
    require(open_stream(config, format, &singles));
    if (vib_format_check(format) != VIB_OK) {
        require(vib_core_push_raw(lumps.core, format, in.at, 1, &taken) == VIB_ERR_FORMAT && taken == 0);
    } else if (config->window <= (config->slow_window ? SLOW_WINDOW : MAX_WINDOW)) {
        play(&lumps, &singles, format, in);
    }
    free(lumps.memory);
    free(singles.memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vib_config_t config;
    char name[VIB_FEATURE_NAME_SIZE];
    if (size < COMMANDS_AT) {
        return 0;
    }
    memcpy(&config, data + CONFIG_AT, sizeof config);
    if (data[0] & 1) {
        bring_near(&config);
    }
    vib_format_t format = read_format(data + FORMAT_AT, data[0] & 2);
    if (vib_config_check(&config) == VIB_OK) {
        size_t n = vib_feature_count(&config);
        require(vib_feature_name(&config, n - 1, name) == VIB_OK && strlen(name) < sizeof name);
        require(vib_feature_name(&config, n, name) == VIB_ERR_LENGTH);
    }
    run(&config, &format, (input_t){ data + COMMANDS_AT, size - COMMANDS_AT });
    return 0;
}
