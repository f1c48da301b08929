/* The core as a native module, vib.mpy, for a stock MicroPython. The types and their tables are filled in on import,
 * since the numbers of the names are known only then. Nothing writable is static: the linker finds such memory by name
 * only. */
#include "py/dynruntime.h"

#define mp_call_method_n_kw mp_fun_table.call_method_n_kw

#include "modvib.h"

#define COUNT(name, object) +1
#define ENTRY(name, object) *row++ = (mp_map_elem_t){ MP_OBJ_NEW_QSTR(name), MP_OBJ_FROM_PTR(&object) };

mp_obj_full_type_t model_type;
mp_map_elem_t model_table[0 VIB_MODEL_METHODS(COUNT)];
static MP_DEFINE_CONST_DICT(model_dict, model_table);

mp_obj_full_type_t core_type;
mp_map_elem_t core_table[0 VIB_CORE_METHODS(COUNT)];
static MP_DEFINE_CONST_DICT(core_dict, core_table);

mp_obj_full_type_t bus_type;
mp_map_elem_t bus_table[0 VIB_BUS_METHODS(COUNT)];
static MP_DEFINE_CONST_DICT(bus_dict, bus_table);

static void make_bus_type(void)
{
    mp_map_elem_t *row = bus_table;
    VIB_BUS_METHODS(ENTRY)
    bus_type.base.type = &mp_type_type;
    bus_type.name = MP_QSTR_Bus;
    MP_OBJ_TYPE_SET_SLOT(&bus_type, make_new, bus_make_new, 0);
    MP_OBJ_TYPE_SET_SLOT(&bus_type, locals_dict, (void *)&bus_dict, 1);
}

mp_obj_full_type_t fifo_type;
mp_map_elem_t fifo_table[0 VIB_FIFO_METHODS(COUNT)];
static MP_DEFINE_CONST_DICT(fifo_dict, fifo_table);

static void make_fifo_type(void)
{
    mp_map_elem_t *row = fifo_table;
    VIB_FIFO_METHODS(ENTRY)
    fifo_type.base.type = &mp_type_type;
    fifo_type.name = MP_QSTR_Fifo;
    MP_OBJ_TYPE_SET_SLOT(&fifo_type, make_new, fifo_make_new, 0);
    MP_OBJ_TYPE_SET_SLOT(&fifo_type, attr, fifo_attr, 1);
    MP_OBJ_TYPE_SET_SLOT(&fifo_type, locals_dict, (void *)&fifo_dict, 2);
}

mp_obj_full_type_t wake_type;
stream_protocol_t wake_protocol;

static void make_wake_type(void)
{
    wake_protocol.ioctl = wake_ioctl;
    wake_type.base.type = &mp_type_type;
    wake_type.flags = MP_TYPE_FLAG_ITER_IS_ITERNEXT;
    wake_type.name = MP_QSTR_Wake;
    MP_OBJ_TYPE_SET_SLOT(&wake_type, make_new, wake_make_new, 0);
    MP_OBJ_TYPE_SET_SLOT(&wake_type, call, wake_call, 1);
    MP_OBJ_TYPE_SET_SLOT(&wake_type, protocol, &wake_protocol, 2);
    MP_OBJ_TYPE_SET_SLOT(&wake_type, iter, wake_next, 3);
}

static void make_model_type(void)
{
    mp_map_elem_t *row = model_table;
    VIB_MODEL_METHODS(ENTRY)
    model_type.base.type = &mp_type_type;
    model_type.name = MP_QSTR_Model;
    MP_OBJ_TYPE_SET_SLOT(&model_type, make_new, model_make_new, 0);
    MP_OBJ_TYPE_SET_SLOT(&model_type, locals_dict, (void *)&model_dict, 1);
}

static void make_core_type(void)
{
    mp_map_elem_t *row = core_table;
    VIB_CORE_METHODS(ENTRY)
    core_type.base.type = &mp_type_type;
    core_type.name = MP_QSTR_Core;
    MP_OBJ_TYPE_SET_SLOT(&core_type, make_new, core_make_new, 0);
    MP_OBJ_TYPE_SET_SLOT(&core_type, attr, core_attr, 1);
    MP_OBJ_TYPE_SET_SLOT(&core_type, locals_dict, (void *)&core_dict, 2);
}

static mp_obj_t linked_model(void)
{
    return mp_const_none; /* emlearn's C is for models linked into a firmware; here they come as model.bin */
}
static MP_DEFINE_CONST_FUN_OBJ_0(linked_model_obj, linked_model);

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args)
{
    MP_DYNRUNTIME_INIT_ENTRY
    make_model_type();
    make_core_type();
    make_bus_type();
    make_fifo_type();
    make_wake_type();
    mp_store_global(MP_QSTR_CORE_VERSION, MP_OBJ_NEW_SMALL_INT(VIB_CORE_VERSION));
    mp_store_global(MP_QSTR_FEATURE_VERSION, MP_OBJ_NEW_SMALL_INT(VIB_FEATURE_VERSION));
    mp_store_global(MP_QSTR_Core, MP_OBJ_FROM_PTR(&core_type));
    mp_store_global(MP_QSTR_Model, MP_OBJ_FROM_PTR(&model_type));
    mp_store_global(MP_QSTR_medians, MP_OBJ_FROM_PTR(&vib_medians_obj));
    mp_store_global(MP_QSTR_blend, MP_OBJ_FROM_PTR(&vib_blend_obj));
    mp_store_global(MP_QSTR_Bus, MP_OBJ_FROM_PTR(&bus_type));
    mp_store_global(MP_QSTR_settle, MP_OBJ_FROM_PTR(&vib_settle_obj));
    mp_store_global(MP_QSTR_Fifo, MP_OBJ_FROM_PTR(&fifo_type));
    mp_store_global(MP_QSTR_Wake, MP_OBJ_FROM_PTR(&wake_type));
    mp_store_global(MP_QSTR_linked_model, MP_OBJ_FROM_PTR(&linked_model_obj));
    MP_DYNRUNTIME_INIT_EXIT
}
