// The module `lab`: what measuring the application needs and no sensor has.
#include "py/obj.h"
#include "py/runtime.h"

// Instructions executed since power-on. With `-icount shift=0` one is one nanosecond of QEMU's clock.
static mp_obj_t lab_instructions(void)
{
    uint32_t low, high, again;
    do {
        __asm__ volatile("csrr %0, minstreth\n csrr %1, minstret\n csrr %2, minstreth"
                         : "=r"(high), "=r"(low), "=r"(again));
    } while (high != again);
    return mp_obj_new_int_from_ull((uint64_t)high << 32 | low);
}
static MP_DEFINE_CONST_FUN_OBJ_0(lab_instructions_obj, lab_instructions);

static const mp_rom_map_elem_t lab_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_lab) },
    { MP_ROM_QSTR(MP_QSTR_instructions), MP_ROM_PTR(&lab_instructions_obj) },
};
static MP_DEFINE_CONST_DICT(lab_dict, lab_table);

const mp_obj_module_t lab_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&lab_dict,
};
MP_REGISTER_MODULE(MP_QSTR_lab, lab_module);
