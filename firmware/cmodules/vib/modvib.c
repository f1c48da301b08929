/* The core as MicroPython's module `vib`; SPEC.md 1.4 lists it. The only file here that includes py/. */
#include "py/binary.h"
#include "py/obj.h"
#include "py/objstr.h"
#include "py/runtime.h"

#include "vib.h"

#ifdef VIB_LINKED_MODEL
extern const vib_model_t vib_linked_model;
#endif

typedef struct {
    mp_obj_base_t base;
    const vib_model_t *model;
    vib_model_t loaded; /* what `model` points to when it came from data */
    mp_obj_t data;      /* keeps that data alive */
} model_obj_t;

typedef struct {
    mp_obj_base_t base;
    vib_core_t *core;
    vib_config_t config;
    size_t n_features;
} core_obj_t;

static void check(int status)
{
    if (status != VIB_OK) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("vib: %s"), vib_error_text(status));
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
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("vib: array('h') of %d values needed"), (int)n);
    }
    return buffer.buf;
}

/* --- Model ---------------------------------------------------------------------------------------------------- */

static mp_obj_t model_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    mp_buffer_info_t buffer;
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    mp_get_buffer_raise(args[0], &buffer, MP_BUFFER_READ);
    model_obj_t *self = mp_obj_malloc(model_obj_t, type);
    self->data = args[0];
    self->model = &self->loaded;
    check(vib_model_load(buffer.buf, buffer.len, &self->loaded));
    return MP_OBJ_FROM_PTR(self);
}

static void store(mp_obj_t dict, qstr key, mp_obj_t value)
{
    mp_obj_dict_store(dict, MP_OBJ_NEW_QSTR(key), value);
}

static mp_obj_t model_config(mp_obj_t self_in)
{
    const vib_config_t *c = &((model_obj_t *)MP_OBJ_TO_PTR(self_in))->model->config;
    mp_obj_t dict = mp_obj_new_dict(11);
#define VIB_CONFIG(field) store(dict, MP_QSTR_##field, mp_obj_new_int_from_uint(c->field));
#include "vib_config.def"
#undef VIB_CONFIG
    return dict;
}
static MP_DEFINE_CONST_FUN_OBJ_1(model_config_obj, model_config);

static mp_obj_t classes(const vib_model_t *m)
{
    mp_obj_t names[VIB_MAX_CLASSES];
    for (uint32_t i = 0; i < m->n_classes; i++) {
        const char *name = vib_model_class(m, i);
        names[i] = mp_obj_new_str_from_cstr(name);
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
    mp_obj_t dict = mp_obj_new_dict(9);
    store(dict, MP_QSTR_name, mp_obj_new_str_from_cstr(m->name));
    store(dict, MP_QSTR_digest, digest(m));
    store(dict, MP_QSTR_classes, classes(m));
    store(dict, MP_QSTR_warning, MP_OBJ_NEW_SMALL_INT(m->warning));
    store(dict, MP_QSTR_alarm, MP_OBJ_NEW_SMALL_INT(m->alarm));
    store(dict, MP_QSTR_hysteresis, MP_OBJ_NEW_SMALL_INT(m->hysteresis));
    store(dict, MP_QSTR_off_rms, MP_OBJ_NEW_SMALL_INT(m->off_rms));
    store(dict, MP_QSTR_dwell_windows, MP_OBJ_NEW_SMALL_INT(m->dwell_windows));
    store(dict, MP_QSTR_clear_windows, MP_OBJ_NEW_SMALL_INT(m->clear_windows));
    return dict;
}
static MP_DEFINE_CONST_FUN_OBJ_1(model_meta_obj, model_meta);

static mp_obj_t model_score(size_t n_args, const mp_obj_t *args)
{
    const vib_model_t *m = ((model_obj_t *)MP_OBJ_TO_PTR(args[0]))->model;
    size_t n = vib_feature_count(&m->config);
    int16_t score;
    const int16_t *features = int16_array(args[1], n, false, MP_BUFFER_READ);
    const int16_t *baseline = n_args > 2 ? int16_array(args[2], n, true, MP_BUFFER_READ) : NULL;
    check(vib_model_score(m, features, n, baseline, &score));
    return MP_OBJ_NEW_SMALL_INT(score);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(model_score_obj, 2, 3, model_score);

static mp_obj_t model_classify(size_t n_args, const mp_obj_t *args)
{
    const vib_model_t *m = ((model_obj_t *)MP_OBJ_TO_PTR(args[0]))->model;
    size_t n = vib_feature_count(&m->config);
    uint32_t index;
    const int16_t *features = int16_array(args[1], n, false, MP_BUFFER_READ);
    const int16_t *baseline = n_args > 2 ? int16_array(args[2], n, true, MP_BUFFER_READ) : NULL;
    check(vib_model_classify(m, features, n, baseline, &index));
    return MP_OBJ_NEW_SMALL_INT(index);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(model_classify_obj, 2, 3, model_classify);

static const mp_rom_map_elem_t model_table[] = {
    { MP_ROM_QSTR(MP_QSTR_config), MP_ROM_PTR(&model_config_obj) },
    { MP_ROM_QSTR(MP_QSTR_meta), MP_ROM_PTR(&model_meta_obj) },
    { MP_ROM_QSTR(MP_QSTR_score), MP_ROM_PTR(&model_score_obj) },
    { MP_ROM_QSTR(MP_QSTR_classify), MP_ROM_PTR(&model_classify_obj) },
};
static MP_DEFINE_CONST_DICT(model_dict, model_table);

static MP_DEFINE_CONST_OBJ_TYPE(model_type, MP_QSTR_Model, MP_TYPE_FLAG_NONE,
                                make_new, model_make_new, locals_dict, &model_dict);

static mp_obj_t linked_model(void)
{
#ifdef VIB_LINKED_MODEL
    model_obj_t *self = mp_obj_malloc(model_obj_t, &model_type);
    self->model = &vib_linked_model;
    self->data = mp_const_none;
    check(vib_model_check(self->model));
    return MP_OBJ_FROM_PTR(self);
#else
    return mp_const_none;
#endif
}
static MP_DEFINE_CONST_FUN_OBJ_0(linked_model_obj, linked_model);

/* --- Core ----------------------------------------------------------------------------------------------------- */

static uint32_t field(mp_obj_t dict, qstr name)
{
    mp_map_elem_t *e = mp_map_lookup(mp_obj_dict_get_map(dict), MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP);
    if (e == NULL) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("vib: config lacks %q"), name);
    }
    mp_int_t high = mp_obj_get_int_truncated(mp_binary_op(MP_BINARY_OP_RSHIFT, e->value, MP_OBJ_NEW_SMALL_INT(16)));
    if (high < 0 || high > 0xffff) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("vib: %q must be 0 to 4294967295"), name);
    }
    return (uint32_t)mp_obj_get_int_truncated(e->value);
}

static mp_obj_t core_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    size_t bytes = 0;
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    if (!mp_obj_is_dict_or_ordereddict(args[0])) {
        mp_raise_TypeError(MP_ERROR_TEXT("vib: a dict of config fields needed"));
    }
    core_obj_t *self = mp_obj_malloc(core_obj_t, type);
#define VIB_CONFIG(name) self->config.name = field(args[0], MP_QSTR_##name);
#include "vib_config.def"
#undef VIB_CONFIG
    check(vib_core_size(&self->config, &bytes));
    self->n_features = vib_feature_count(&self->config);
    check(vib_core_init(m_new(uint64_t, (bytes + 7) / 8), bytes, &self->config, &self->core));
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t core_push(size_t n_args, const mp_obj_t *args)
{
    core_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    size_t axes = self->config.axes, taken = 0;
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[1], &buffer, MP_BUFFER_READ);
    mp_int_t start = n_args > 2 ? mp_obj_get_int(args[2]) : 0;
    size_t frames = buffer.len / (axes * sizeof(int16_t));
    if (((uintptr_t)buffer.buf & 1) || buffer.len % (axes * sizeof(int16_t)) != 0 || start < 0
        || (size_t)start > frames) {
        mp_raise_ValueError(MP_ERROR_TEXT("vib: whole frames of aligned int16 needed, start within them"));
    }
    vib_core_push(self->core, (const int16_t *)buffer.buf + start * axes, frames - start, &taken);
    return MP_OBJ_NEW_SMALL_INT(taken);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(core_push_obj, 2, 3, core_push);

static mp_obj_t core_ready(mp_obj_t self_in)
{
    return mp_obj_new_bool(vib_core_ready(((core_obj_t *)MP_OBJ_TO_PTR(self_in))->core));
}
static MP_DEFINE_CONST_FUN_OBJ_1(core_ready_obj, core_ready);

static mp_obj_t core_features(mp_obj_t self_in, mp_obj_t out)
{
    core_obj_t *self = MP_OBJ_TO_PTR(self_in);
    check(vib_core_features(self->core, int16_array(out, self->n_features, false, MP_BUFFER_WRITE), self->n_features));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(core_features_obj, core_features);

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
    check(vib_feature_name(&self->config, (size_t)mp_obj_get_int(index), name));
    return mp_obj_new_str_from_cstr(name);
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

static const mp_rom_map_elem_t core_table[] = {
    { MP_ROM_QSTR(MP_QSTR_push), MP_ROM_PTR(&core_push_obj) },
    { MP_ROM_QSTR(MP_QSTR_ready), MP_ROM_PTR(&core_ready_obj) },
    { MP_ROM_QSTR(MP_QSTR_features), MP_ROM_PTR(&core_features_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap), MP_ROM_PTR(&core_gap_obj) },
    { MP_ROM_QSTR(MP_QSTR_feature_name), MP_ROM_PTR(&core_feature_name_obj) },
};
static MP_DEFINE_CONST_DICT(core_dict, core_table);

static MP_DEFINE_CONST_OBJ_TYPE(core_type, MP_QSTR_Core, MP_TYPE_FLAG_NONE,
                                make_new, core_make_new, attr, core_attr, locals_dict, &core_dict);

/* --- module --------------------------------------------------------------------------------------------------- */

static const mp_rom_map_elem_t module_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_vib) },
    { MP_ROM_QSTR(MP_QSTR_CORE_VERSION), MP_ROM_INT(VIB_CORE_VERSION) },
    { MP_ROM_QSTR(MP_QSTR_FEATURE_VERSION), MP_ROM_INT(VIB_FEATURE_VERSION) },
    { MP_ROM_QSTR(MP_QSTR_Core), MP_ROM_PTR(&core_type) },
    { MP_ROM_QSTR(MP_QSTR_Model), MP_ROM_PTR(&model_type) },
    { MP_ROM_QSTR(MP_QSTR_linked_model), MP_ROM_PTR(&linked_model_obj) },
};
static MP_DEFINE_CONST_DICT(module_dict, module_table);

const mp_obj_module_t vib_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&module_dict,
};

MP_REGISTER_MODULE(MP_QSTR_vib, vib_module);
