/* The core as the module `vib` of a firmware that it is linked into. */
#include "py/obj.h"
#include "py/objstr.h"
#include "py/runtime.h"

#include "modvib.h"

#ifdef VIB_LINKED_MODEL
extern const vib_model_t vib_linked_model;
#endif

#define ENTRY(name, object) { MP_ROM_QSTR(name), MP_ROM_PTR(&object) },

static const mp_rom_map_elem_t model_table[] = { VIB_MODEL_METHODS(ENTRY) };
static MP_DEFINE_CONST_DICT(model_dict, model_table);

static MP_DEFINE_CONST_OBJ_TYPE(model_type, MP_QSTR_Model, MP_TYPE_FLAG_NONE, make_new, model_make_new, locals_dict,
                                &model_dict);

static const mp_rom_map_elem_t core_table[] = { VIB_CORE_METHODS(ENTRY) };
static MP_DEFINE_CONST_DICT(core_dict, core_table);

static MP_DEFINE_CONST_OBJ_TYPE(core_type, MP_QSTR_Core, MP_TYPE_FLAG_NONE, make_new, core_make_new, attr, core_attr,
                                locals_dict, &core_dict);

static const mp_rom_map_elem_t bus_table[] = { VIB_BUS_METHODS(ENTRY) };
static MP_DEFINE_CONST_DICT(bus_dict, bus_table);

static MP_DEFINE_CONST_OBJ_TYPE(bus_type, MP_QSTR_Bus, MP_TYPE_FLAG_NONE, make_new, bus_make_new, locals_dict,
                                &bus_dict);

static const mp_rom_map_elem_t fifo_table[] = { VIB_FIFO_METHODS(ENTRY) };
static MP_DEFINE_CONST_DICT(fifo_dict, fifo_table);

static MP_DEFINE_CONST_OBJ_TYPE(fifo_type, MP_QSTR_Fifo, MP_TYPE_FLAG_NONE, make_new, fifo_make_new, attr, fifo_attr,
                                locals_dict, &fifo_dict);

static const stream_protocol_t wake_protocol = { .ioctl = wake_ioctl };

static MP_DEFINE_CONST_OBJ_TYPE(wake_type, MP_QSTR_Wake, MP_TYPE_FLAG_ITER_IS_ITERNEXT, make_new, wake_make_new, call,
                                wake_call, protocol, &wake_protocol, iter, wake_next);

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

static const mp_rom_map_elem_t module_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_vib) },
    { MP_ROM_QSTR(MP_QSTR_CORE_VERSION), MP_ROM_INT(VIB_CORE_VERSION) },
    { MP_ROM_QSTR(MP_QSTR_FEATURE_VERSION), MP_ROM_INT(VIB_FEATURE_VERSION) },
    { MP_ROM_QSTR(MP_QSTR_Core), MP_ROM_PTR(&core_type) },
    { MP_ROM_QSTR(MP_QSTR_Model), MP_ROM_PTR(&model_type) },
    { MP_ROM_QSTR(MP_QSTR_Bus), MP_ROM_PTR(&bus_type) },
    { MP_ROM_QSTR(MP_QSTR_settle), MP_ROM_PTR(&vib_settle_obj) },
    { MP_ROM_QSTR(MP_QSTR_Fifo), MP_ROM_PTR(&fifo_type) },
    { MP_ROM_QSTR(MP_QSTR_medians), MP_ROM_PTR(&vib_medians_obj) },
    { MP_ROM_QSTR(MP_QSTR_blend), MP_ROM_PTR(&vib_blend_obj) },
    { MP_ROM_QSTR(MP_QSTR_Wake), MP_ROM_PTR(&wake_type) },
    { MP_ROM_QSTR(MP_QSTR_linked_model), MP_ROM_PTR(&linked_model_obj) },
};
static MP_DEFINE_CONST_DICT(module_dict, module_table);

const mp_obj_module_t vib_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&module_dict,
};

MP_REGISTER_MODULE(MP_QSTR_vib, vib_module);
