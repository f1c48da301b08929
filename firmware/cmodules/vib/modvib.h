/*
 * The module `vib` (SPEC.md 1.4) but for its types and tables, which a module linked into the firmware states as
 * constants and a native module fills in when it is imported. Included once by each of the two, after MicroPython's
 * headers, and written in what py/runtime.h and py/dynruntime.h both offer.
 */
#include <string.h>

#include "vib.h"

typedef struct {
    mp_obj_base_t base;
    const vib_model_t *model;
    vib_model_t loaded; /* what `model` points to when it came from data */
    mp_obj_t data;      /* keeps that data alive: its owner, or our copy of it */
} model_obj_t;

typedef struct {
    mp_obj_base_t base;
    vib_core_t *core;
    vib_config_t config;
    vib_format_t format; /* of push_raw's frames; all zero until raw_format names one */
    size_t n_features;
} core_obj_t;

/* Raises ValueError(format % value). */
static void refuse(const char *format, mp_obj_t value)
{
    mp_obj_t text = mp_binary_op(MP_BINARY_OP_MODULO, mp_obj_new_str(format, strlen(format)), value);
    mp_raise_type_arg(&mp_type_ValueError, text);
}

static mp_obj_t str(const char *text)
{
    return mp_obj_new_str(text, strlen(text));
}

static void check(int status)
{
    if (status != VIB_OK) {
        refuse("vib: %s", str(vib_error_text(status)));
    }
}

/* An array('h') of n values; NULL for None where that is allowed. */
static int16_t *int16_array(mp_obj_t obj, size_t n, bool none_allowed, mp_uint_t flags)
{
    mp_buffer_info_t buffer;
    if (none_allowed && obj == mp_const_none) {
        return NULL;
    }
    mp_get_buffer_raise(obj, &buffer, flags);
    if (buffer.typecode != 'h' || buffer.len != n * sizeof(int16_t)) {
        refuse("vib: array('h') of %d values needed", MP_OBJ_NEW_SMALL_INT(n));
    }
    return buffer.buf;
}

/* --- Model ---------------------------------------------------------------------------------------------------- */

/* The bytes of a model made of `given`, which `read` has: in place where nobody can change them (bytes, a file in ROMFS),
 * else a copy, since a bytearray that grows or shrinks moves away from under the model. *kept: what holds them. */
static const void *model_bytes(mp_obj_t given, const mp_buffer_info_t *read, mp_obj_t *kept)
{
    mp_buffer_info_t writable;
    bool aligned = ((uintptr_t)read->buf & 3) == 0;
    if (aligned && !mp_get_buffer(given, &writable, MP_BUFFER_RW)) {
        *kept = given;
        return read->buf;
    }
    uint32_t *copy = m_new(uint32_t, read->len / 4 + 1);
    memcpy(copy, read->buf, read->len);
    *kept = MP_OBJ_FROM_PTR(copy); /* no object, but the collector asks only what points where */
    return copy;
}

static mp_obj_t model_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    mp_buffer_info_t buffer;
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    mp_get_buffer_raise(args[0], &buffer, MP_BUFFER_READ);
    model_obj_t *self = mp_obj_malloc(model_obj_t, type);
    self->model = &self->loaded;
    check(vib_model_load(model_bytes(args[0], &buffer, &self->data), buffer.len, &self->loaded));
    return MP_OBJ_FROM_PTR(self);
}

static void store(mp_obj_t dict, const char *key, mp_obj_t value)
{
    mp_obj_dict_store(dict, str(key), value);
}

static mp_obj_t model_config(mp_obj_t self_in)
{
    const vib_config_t *c = &((model_obj_t *)MP_OBJ_TO_PTR(self_in))->model->config;
    mp_obj_t dict = mp_obj_new_dict(16);
#define VIB_CONFIG(field) store(dict, #field, mp_obj_new_int_from_uint(c->field));
#define VIB_CONFIG_OR_0(field) \
    if (c->field) { \
        store(dict, #field, mp_obj_new_int_from_uint(c->field)); \
    }
#include "vib_config.def"
#undef VIB_CONFIG
    return dict;
}
static MP_DEFINE_CONST_FUN_OBJ_1(model_config_obj, model_config);

static mp_obj_t classes(const vib_model_t *m)
{
    mp_obj_t names[VIB_MAX_CLASSES];
    for (uint32_t i = 0; i < m->n_classes; i++) {
        names[i] = str(vib_model_class(m, i));
    }
    return mp_obj_new_tuple(m->n_classes, names);
}

static mp_obj_t digest(const vib_model_t *m)
{
    static const char hex[] = "0123456789abcdef";
    char text[2 * sizeof m->digest];
    for (size_t i = 0; i < sizeof m->digest; i++) {
        text[2 * i] = hex[m->digest[i] >> 4];
        text[2 * i + 1] = hex[m->digest[i] & 15];
    }
    return mp_obj_new_str(text, sizeof text);
}

static mp_obj_t model_meta(mp_obj_t self_in)
{
    const vib_model_t *m = ((model_obj_t *)MP_OBJ_TO_PTR(self_in))->model;
    mp_obj_t dict = mp_obj_new_dict(20);
    store(dict, "name", str(m->name));
    store(dict, "digest", digest(m));
    store(dict, "classes", classes(m));
    store(dict, "warning", MP_OBJ_NEW_SMALL_INT(m->warning));
    store(dict, "alarm", MP_OBJ_NEW_SMALL_INT(m->alarm));
    store(dict, "hysteresis", MP_OBJ_NEW_SMALL_INT(m->hysteresis));
    store(dict, "off_rms", MP_OBJ_NEW_SMALL_INT(m->off_rms));
    store(dict, "dwell_windows", MP_OBJ_NEW_SMALL_INT(m->dwell_windows));
    store(dict, "alarm_dwell_windows",
          MP_OBJ_NEW_SMALL_INT(m->alarm_dwell_windows ? m->alarm_dwell_windows : m->dwell_windows));
    store(dict, "clear_windows", MP_OBJ_NEW_SMALL_INT(m->clear_windows));
    store(dict, "quiet_rms", MP_OBJ_NEW_SMALL_INT(m->quiet_rms));
    store(dict, "off_below", MP_OBJ_NEW_SMALL_INT(m->off_below));
    store(dict, "average_windows", MP_OBJ_NEW_SMALL_INT(m->average_windows));
    store(dict, "shaft_low_millihz", mp_obj_new_int_from_uint(m->shaft_low_millihz));
    store(dict, "shaft_high_millihz", mp_obj_new_int_from_uint(m->shaft_high_millihz));
    store(dict, "line_over", MP_OBJ_NEW_SMALL_INT(m->line_over));
    store(dict, "line_middle", MP_OBJ_NEW_SMALL_INT(m->line_middle));
    store(dict, "line_low", MP_OBJ_NEW_SMALL_INT(m->speed_low));
    store(dict, "line_high", MP_OBJ_NEW_SMALL_INT(m->speed_high));
    store(dict, "reach", MP_OBJ_NEW_SMALL_INT(m->reach));
    return dict;
}
static MP_DEFINE_CONST_FUN_OBJ_1(model_meta_obj, model_meta);

/* What score and classify are called with: a model, features, and a baseline or NULL. */
typedef struct {
    const vib_model_t *model;
    const int16_t *features, *baseline;
    size_t n;
} question_t;

static question_t question(size_t n_args, const mp_obj_t *args)
{
    question_t q = { .model = ((model_obj_t *)MP_OBJ_TO_PTR(args[0]))->model };
    q.n = vib_feature_count(&q.model->config);
    q.features = int16_array(args[1], q.n, false, MP_BUFFER_READ);
    q.baseline = n_args > 2 ? int16_array(args[2], q.n, true, MP_BUFFER_READ) : NULL;
    return q;
}

static mp_obj_t model_score(size_t n_args, const mp_obj_t *args)
{
    question_t q = question(n_args, args);
    int16_t score;
    check(vib_model_score(q.model, q.features, q.n, q.baseline, &score));
    return MP_OBJ_NEW_SMALL_INT(score);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(model_score_obj, 2, 3, model_score);

static mp_obj_t model_classify(size_t n_args, const mp_obj_t *args)
{
    question_t q = question(n_args, args);
    uint32_t index;
    check(vib_model_classify(q.model, q.features, q.n, q.baseline, &index));
    return MP_OBJ_NEW_SMALL_INT(index);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(model_classify_obj, 2, 3, model_classify);

static mp_obj_t model_outside(mp_obj_t self_in, mp_obj_t features)
{
    const vib_model_t *m = ((model_obj_t *)MP_OBJ_TO_PTR(self_in))->model;
    size_t n = vib_feature_count(&m->config);
    bool outside;
    check(vib_model_outside(m, int16_array(features, n, false, MP_BUFFER_READ), n, &outside));
    return mp_obj_new_bool(outside);
}
static MP_DEFINE_CONST_FUN_OBJ_2(model_outside_obj, model_outside);

static mp_obj_t model_place(mp_obj_t self_in, mp_obj_t features)
{
    const vib_model_t *m = ((model_obj_t *)MP_OBJ_TO_PTR(self_in))->model;
    size_t n = vib_feature_count(&m->config);
    int16_t octaves;
    check(vib_model_place(m, int16_array(features, n, false, MP_BUFFER_READ), n, &octaves));
    return MP_OBJ_NEW_SMALL_INT(octaves);
}
static MP_DEFINE_CONST_FUN_OBJ_2(model_place_obj, model_place);

static mp_obj_t model_far(mp_obj_t self_in, mp_obj_t features, mp_obj_t usual)
{
    const vib_model_t *m = ((model_obj_t *)MP_OBJ_TO_PTR(self_in))->model;
    size_t n = vib_feature_count(&m->config);
    int16_t score;
    const int16_t *from = int16_array(usual, n, false, MP_BUFFER_READ);
    check(vib_model_far(m, int16_array(features, n, false, MP_BUFFER_READ), n, from, &score));
    return MP_OBJ_NEW_SMALL_INT(score);
}
static MP_DEFINE_CONST_FUN_OBJ_3(model_far_obj, model_far);

static mp_obj_t copied(mp_obj_t self_in, const int16_t *from, mp_obj_t out)
{
    size_t n = vib_feature_count(&((model_obj_t *)MP_OBJ_TO_PTR(self_in))->model->config);
    int16_t *values = int16_array(out, n, false, MP_BUFFER_WRITE);
    for (size_t i = 0; i < n; i++) {
        values[i] = from[i];
    }
    return mp_const_none;
}

static mp_obj_t model_centre(mp_obj_t self_in, mp_obj_t out)
{
    return copied(self_in, ((model_obj_t *)MP_OBJ_TO_PTR(self_in))->model->centre, out);
}
static MP_DEFINE_CONST_FUN_OBJ_2(model_centre_obj, model_centre);

static mp_obj_t model_line(mp_obj_t self_in, mp_obj_t out)
{
    return copied(self_in, ((model_obj_t *)MP_OBJ_TO_PTR(self_in))->model->line, out);
}
static MP_DEFINE_CONST_FUN_OBJ_2(model_line_obj, model_line);

/* --- Core ----------------------------------------------------------------------------------------------------- */

/* dict.get(name) as an unsigned 32-bit number; 0 where it lacks one that it need not have. */
static uint32_t field(const mp_obj_t get[2], const char *name, bool needed)
{
    mp_obj_t call[3] = { get[0], get[1], str(name) };
    mp_obj_t value = mp_call_method_n_kw(1, 0, call);
    if (value == mp_const_none) {
        if (needed) {
            refuse("vib: config lacks %s", call[2]);
        }
        return 0;
    }
    mp_int_t high = mp_obj_get_int_truncated(mp_binary_op(MP_BINARY_OP_RSHIFT, value, MP_OBJ_NEW_SMALL_INT(16)));
    if (high < 0 || high > 0xffff) {
        refuse("vib: %s must be 0 to 4294967295", call[2]);
    }
    return (uint32_t)mp_obj_get_int_truncated(value);
}

static mp_obj_t core_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    size_t bytes = 0;
    mp_obj_t get[2];
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    mp_load_method_maybe(args[0], MP_QSTR_get, get);
    if (get[0] == MP_OBJ_NULL) {
        mp_raise_TypeError(MP_ERROR_TEXT("vib: a dict of config fields needed"));
    }
    core_obj_t *self = mp_obj_malloc(core_obj_t, type);
    memset(&self->format, 0, sizeof self->format);
#define VIB_CONFIG(name) self->config.name = field(get, #name, true);
#define VIB_CONFIG_OR_0(name) self->config.name = field(get, #name, false);
#include "vib_config.def"
#undef VIB_CONFIG
    check(vib_core_size(&self->config, &bytes));
    self->n_features = vib_feature_count(&self->config);
    check(vib_core_init(m_new(uint64_t, (bytes + 7) / 8), bytes, &self->config, &self->core));
    return MP_OBJ_FROM_PTR(self);
}

/* A position; -1 where the number is none or too large to be one. */
static mp_int_t position(mp_obj_t obj)
{
    mp_int_t value = mp_obj_get_int_truncated(obj);
    return mp_obj_is_small_int(obj) ? value : -1;
}

static const char frames_needed[] = "vib: whole frames of %s needed, start within them";

/* The frames of args[1], whole ones of frame_bytes each, from frame args[2] on: *n of them. */
static const uint8_t *frames(size_t n_args, const mp_obj_t *args, size_t frame_bytes, const char *what, size_t *n)
{
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[1], &buffer, MP_BUFFER_READ);
    mp_int_t start = n_args > 2 ? position(args[2]) : 0;
    size_t held = buffer.len / frame_bytes;
    if (buffer.len % frame_bytes != 0 || start < 0 || (size_t)start > held) {
        refuse(frames_needed, str(what));
    }
    *n = held - (size_t)start;
    return (const uint8_t *)buffer.buf + (size_t)start * frame_bytes;
}

static mp_obj_t core_push(size_t n_args, const mp_obj_t *args)
{
    core_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    size_t n, taken = 0;
    const void *data = frames(n_args, args, self->config.axes * sizeof(int16_t), "aligned int16", &n);
    if ((uintptr_t)data & 1) {
        refuse(frames_needed, str("aligned int16"));
    }
    vib_core_push(self->core, data, n, &taken);
    return MP_OBJ_NEW_SMALL_INT(taken);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(core_push_obj, 2, 3, core_push);

/* A small number; 255, which no field of a format may be, for any other. */
static uint8_t octet(mp_obj_t obj)
{
    mp_int_t value = position(obj);
    return value < 0 || value > 255 ? 255 : (uint8_t)value;
}

static mp_obj_t core_raw_format(size_t n_args, const mp_obj_t *args)
{
    core_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    vib_format_t format = { octet(args[1]), octet(args[2]), mp_obj_is_true(args[3]), mp_obj_is_true(args[4]),
                            n_args > 5 ? octet(args[5]) : 0 };
    check(vib_format_check(&format));
    self->format = format;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(core_raw_format_obj, 5, 6, core_raw_format);

static mp_obj_t core_push_raw(size_t n_args, const mp_obj_t *args)
{
    core_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    size_t n, taken = 0;
    check(vib_format_check(&self->format));
    size_t frame_bytes = vib_format_frame_bytes(&self->format, self->config.axes);
    const uint8_t *data = frames(n_args, args, frame_bytes, "the raw format", &n);
    check(vib_core_push_raw(self->core, &self->format, data, n, &taken));
    return MP_OBJ_NEW_SMALL_INT(taken);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(core_push_raw_obj, 2, 3, core_push_raw);

static mp_obj_t core_shaft(mp_obj_t self_in, mp_obj_t millihz)
{
    core_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_int_t speed = position(millihz);
    if (speed < 0 || speed > 100000000) {
        refuse("vib: shaft of %d mHz; accepted: 0 to 100000000", millihz);
    }
    vib_core_set_shaft(self->core, (uint32_t)speed);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(core_shaft_obj, core_shaft);

/* course(speeds): array('I') of the speeds in the window held, 1/1000 Hz; whether it can be followed. */
static mp_obj_t core_course(mp_obj_t self_in, mp_obj_t speeds)
{
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(speeds, &buffer, MP_BUFFER_READ);
    size_t n = buffer.typecode == 'I' ? buffer.len / sizeof(uint32_t) : 0;
    int status = vib_core_set_course(((core_obj_t *)MP_OBJ_TO_PTR(self_in))->core, buffer.buf, n);
    if (status == VIB_ERR_LENGTH) {
        refuse("vib: course of %d bytes; accepted: array('I') of 2, 3, 5, 9 or 17", MP_OBJ_NEW_SMALL_INT(buffer.len));
    }
    return mp_obj_new_bool(status == VIB_OK);
}
static MP_DEFINE_CONST_FUN_OBJ_2(core_course_obj, core_course);

static mp_obj_t core_rate(mp_obj_t self_in, mp_obj_t millihz)
{
    core_obj_t *self = MP_OBJ_TO_PTR(self_in);
    check(vib_core_set_rate(self->core, (uint32_t)position(millihz)));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(core_rate_obj, core_rate);

static mp_obj_t core_full_scale(mp_obj_t self_in, mp_obj_t counts)
{
    mp_int_t value = position(counts);
    if (value < 0 || value > 32768) {
        refuse("vib: full scale of %d counts; accepted: 0 to 32768", counts);
    }
    vib_core_set_full_scale(((core_obj_t *)MP_OBJ_TO_PTR(self_in))->core, (uint32_t)value);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(core_full_scale_obj, core_full_scale);

static mp_obj_t core_clipped(mp_obj_t self_in)
{
    return MP_OBJ_NEW_SMALL_INT(vib_core_clipped(((core_obj_t *)MP_OBJ_TO_PTR(self_in))->core));
}
static MP_DEFINE_CONST_FUN_OBJ_1(core_clipped_obj, core_clipped);

static mp_obj_t core_ready(mp_obj_t self_in)
{
    return mp_obj_new_bool(vib_core_ready(((core_obj_t *)MP_OBJ_TO_PTR(self_in))->core));
}
static MP_DEFINE_CONST_FUN_OBJ_1(core_ready_obj, core_ready);

static mp_obj_t core_slow_windows(mp_obj_t self_in)
{
    return mp_obj_new_int_from_uint(vib_core_slow_windows(((core_obj_t *)MP_OBJ_TO_PTR(self_in))->core));
}
static MP_DEFINE_CONST_FUN_OBJ_1(core_slow_windows_obj, core_slow_windows);

static mp_obj_t core_features(mp_obj_t self_in, mp_obj_t out)
{
    core_obj_t *self = MP_OBJ_TO_PTR(self_in);
    check(vib_core_features(self->core, int16_array(out, self->n_features, false, MP_BUFFER_WRITE), self->n_features));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(core_features_obj, core_features);

static mp_obj_t core_step(mp_obj_t self_in, mp_obj_t out, mp_obj_t work)
{
    core_obj_t *self = MP_OBJ_TO_PTR(self_in);
    bool done = false;
    int16_t *features = int16_array(out, self->n_features, false, MP_BUFFER_WRITE);
    check(vib_core_step(self->core, features, self->n_features, (uint32_t)position(work), &done));
    return mp_obj_new_bool(done);
}
static MP_DEFINE_CONST_FUN_OBJ_3(core_step_obj, core_step);

static mp_obj_t core_gap(mp_obj_t self_in)
{
    vib_core_gap(((core_obj_t *)MP_OBJ_TO_PTR(self_in))->core);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(core_gap_obj, core_gap);

static mp_obj_t core_feature_name(mp_obj_t self_in, mp_obj_t index)
{
    core_obj_t *self = MP_OBJ_TO_PTR(self_in);
    char name[VIB_FEATURE_NAME_SIZE];
    check(vib_feature_name(&self->config, (size_t)position(index), name));
    return str(name);
}
static MP_DEFINE_CONST_FUN_OBJ_2(core_feature_name_obj, core_feature_name);

static void core_attr(mp_obj_t self_in, qstr name, mp_obj_t *dest)
{
    if (dest[0] == MP_OBJ_NULL && name == MP_QSTR_n_features) {
        dest[0] = MP_OBJ_NEW_SMALL_INT(((core_obj_t *)MP_OBJ_TO_PTR(self_in))->n_features);
    } else {
        dest[1] = MP_OBJ_SENTINEL; /* on to the methods */
    }
}

#include "modmedians.h"

#include "modblend.h"

#include "modbus.h"
#include "modfifo.h"
#include "modwake.h"
#include "modheap.h"

/* --- what the tables of both hold ----------------------------------------------------------------------------- */

#define VIB_MODEL_METHODS(ENTRY) \
    ENTRY(MP_QSTR_config, model_config_obj) \
    ENTRY(MP_QSTR_meta, model_meta_obj) \
    ENTRY(MP_QSTR_centre, model_centre_obj) \
    ENTRY(MP_QSTR_score, model_score_obj) \
    ENTRY(MP_QSTR_outside, model_outside_obj) \
    ENTRY(MP_QSTR_place, model_place_obj) \
    ENTRY(MP_QSTR_far, model_far_obj) \
    ENTRY(MP_QSTR_line, model_line_obj) \
    ENTRY(MP_QSTR_classify, model_classify_obj)

#define VIB_CORE_METHODS(ENTRY) \
    ENTRY(MP_QSTR_push, core_push_obj) \
    ENTRY(MP_QSTR_raw_format, core_raw_format_obj) \
    ENTRY(MP_QSTR_push_raw, core_push_raw_obj) \
    ENTRY(MP_QSTR_shaft, core_shaft_obj) \
    ENTRY(MP_QSTR_course, core_course_obj) \
    ENTRY(MP_QSTR_rate, core_rate_obj) \
    ENTRY(MP_QSTR_full_scale, core_full_scale_obj) \
    ENTRY(MP_QSTR_clipped, core_clipped_obj) \
    ENTRY(MP_QSTR_ready, core_ready_obj) \
    ENTRY(MP_QSTR_slow_windows, core_slow_windows_obj) \
    ENTRY(MP_QSTR_features, core_features_obj) \
    ENTRY(MP_QSTR_step, core_step_obj) \
    ENTRY(MP_QSTR_gap, core_gap_obj) \
    ENTRY(MP_QSTR_feature_name, core_feature_name_obj)
