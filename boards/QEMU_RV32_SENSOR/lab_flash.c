// A flash of RAM, outside of the heap.
#include <string.h>

#include "lab.h"
#include "py/runtime.h"

enum {
    BLOCK_BYTES = 4096,
    BLOCKS = 96
};

static uint8_t flash[BLOCKS][BLOCK_BYTES];

static uint8_t *place(size_t n_args, const mp_obj_t *args)
{
    size_t offset = n_args > 3 ? mp_obj_get_int(args[3]) : 0;
    return flash[mp_obj_get_int(args[1])] + offset;
}

static mp_obj_t lab_flash_read(size_t n_args, const mp_obj_t *args)
{
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_WRITE);
    memcpy(buffer.buf, place(n_args, args), buffer.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lab_flash_read_obj, 3, 4, lab_flash_read);

static mp_obj_t lab_flash_write(size_t n_args, const mp_obj_t *args)
{
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_READ);
    memcpy(place(n_args, args), buffer.buf, buffer.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lab_flash_write_obj, 3, 4, lab_flash_write);

static mp_obj_t lab_flash_ioctl(mp_obj_t self_in, mp_obj_t op, mp_obj_t arg)
{
    (void)self_in;
    switch (mp_obj_get_int(op)) {
    case 4:
        return MP_OBJ_NEW_SMALL_INT(BLOCKS);
    case 5:
        return MP_OBJ_NEW_SMALL_INT(BLOCK_BYTES);
    case 6:
        memset(flash[mp_obj_get_int(arg)], 0xff, BLOCK_BYTES);
        return MP_OBJ_NEW_SMALL_INT(0);
    default:
        return MP_OBJ_NEW_SMALL_INT(0);
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(lab_flash_ioctl_obj, lab_flash_ioctl);

static const mp_rom_map_elem_t lab_flash_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&lab_flash_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&lab_flash_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&lab_flash_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(lab_flash_dict, lab_flash_table);

static MP_DEFINE_CONST_OBJ_TYPE(lab_flash_type, MP_QSTR_Flash, MP_TYPE_FLAG_NONE, locals_dict, &lab_flash_dict);

const mp_obj_base_t lab_flash = { &lab_flash_type };
