// The module `lab`: what measuring the application needs and no sensor has. An accelerometer, pins, a flash, a network, a
// clock that stands still but for samples and waits; and what all of it cost.
#include "lab.h"
#include "lab_clock.h"
#include "py/runtime.h"

static uint64_t instructions(void)
{
    uint32_t low, high, again;
    do {
        __asm__ volatile("csrr %0, minstreth\n csrr %1, minstret\n csrr %2, minstreth"
                         : "=r"(high), "=r"(low), "=r"(again));
    } while (high != again);
    return (uint64_t)high << 32 | low;
}

static uint64_t apart, last_read, longest_stretch;

static uint64_t apart_since;
static uint32_t apart_depth, interrupts; // whether they were on before

uint64_t lab_executed(void)
{
    return (apart_depth ? apart_since : instructions()) - apart;
}

void lab_begin_apart(void)
{
    uint32_t before = lab_interrupts_off();
    if (apart_depth++ == 0) {
        interrupts = before;
        apart_since = instructions();
    }
}

void lab_end_apart(void)
{
    if (--apart_depth == 0) {
        apart += instructions() - apart_since;
        lab_interrupts_as(interrupts);
    }
}

void lab_looked(void)
{
    uint64_t now = lab_executed();
    longest_stretch = now - last_read > longest_stretch ? now - last_read : longest_stretch;
    last_read = now;
}

static mp_obj_t lab_instructions(void)
{
    return mp_obj_new_int_from_ull(lab_executed());
}
static MP_DEFINE_CONST_FUN_OBJ_0(lab_instructions_obj, lab_instructions);

// A function in the place of another: the same, and what its calls took.
typedef struct {
    mp_obj_base_t base;
    mp_obj_t function;
    uint64_t total, most;
    uint32_t calls;
} lab_counted_t;

static mp_obj_t lab_counted_call(mp_obj_t self_in, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    lab_counted_t *self = MP_OBJ_TO_PTR(self_in);
    uint64_t start = lab_executed();
    mp_obj_t result = mp_call_function_n_kw(self->function, n_args, n_kw, args);
    uint64_t spent = lab_executed() - start;
    self->total += spent;
    self->most = spent > self->most ? spent : self->most;
    self->calls++;
    return result;
}

static void lab_counted_attr(mp_obj_t self_in, qstr name, mp_obj_t *dest)
{
    lab_counted_t *self = MP_OBJ_TO_PTR(self_in);
    if (dest[0] != MP_OBJ_NULL) {
        return;
    }
    if (name == MP_QSTR_total) {
        dest[0] = mp_obj_new_int_from_ull(self->total);
    } else if (name == MP_QSTR_most) {
        dest[0] = mp_obj_new_int_from_ull(self->most);
    } else if (name == MP_QSTR_calls) {
        dest[0] = mp_obj_new_int_from_uint(self->calls);
    }
}

static mp_obj_t lab_counted_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    lab_counted_t *self = mp_obj_malloc(lab_counted_t, type);
    self->function = args[0];
    self->total = self->most = self->calls = 0;
    return MP_OBJ_FROM_PTR(self);
}

static MP_DEFINE_CONST_OBJ_TYPE(lab_counted_type, MP_QSTR_Counted, MP_TYPE_FLAG_NONE, make_new, lab_counted_make_new,
                                call, lab_counted_call, attr, lab_counted_attr);

// Most instructions between two reads of the FIFO's level since this was asked.
static mp_obj_t lab_longest_stretch(void)
{
    uint64_t most = longest_stretch;
    longest_stretch = 0;
    last_read = lab_executed();
    return mp_obj_new_int_from_ull(most);
}
static MP_DEFINE_CONST_FUN_OBJ_0(lab_longest_stretch_obj, lab_longest_stretch);

static mp_obj_t lab_advance_ms(mp_obj_t ms)
{
    lab_clock_advance_ns((uint64_t)mp_obj_get_int(ms) * 1000000u);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(lab_advance_ms_obj, lab_advance_ms);

// In the place of mp_obj_id: as on an ESP32-C3, whose RAM is from 0x3fc80000 on. There the number of an object is a small
// one; here, from 0x80000000 on, asyncio would take memory for it at each wait.
mp_obj_t __wrap_mp_obj_id(mp_obj_t object);
mp_obj_t __wrap_mp_obj_id(mp_obj_t object)
{
    return MP_OBJ_NEW_SMALL_INT(((mp_uint_t)object & 0xffffff) + 0x3f000000u);
}

static const mp_rom_map_elem_t lab_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_lab) },
    { MP_ROM_QSTR(MP_QSTR_instructions), MP_ROM_PTR(&lab_instructions_obj) },
    { MP_ROM_QSTR(MP_QSTR_longest_stretch), MP_ROM_PTR(&lab_longest_stretch_obj) },
    { MP_ROM_QSTR(MP_QSTR_allow_feed), MP_ROM_PTR(&lab_allow_feed_obj) },
    { MP_ROM_QSTR(MP_QSTR_pace), MP_ROM_PTR(&lab_pace_obj) },
    { MP_ROM_QSTR(MP_QSTR_advance_ms), MP_ROM_PTR(&lab_advance_ms_obj) },
    { MP_ROM_QSTR(MP_QSTR_SPI), MP_ROM_PTR(&lab_spi_type) },
    { MP_ROM_QSTR(MP_QSTR_Pin), MP_ROM_PTR(&lab_pin_type) },
    { MP_ROM_QSTR(MP_QSTR_flash), MP_ROM_PTR(&lab_flash) },
    { MP_ROM_QSTR(MP_QSTR_socket), MP_ROM_PTR(&lab_socket_type) },
    { MP_ROM_QSTR(MP_QSTR_add_to_stream), MP_ROM_PTR(&lab_add_to_stream_obj) },
    { MP_ROM_QSTR(MP_QSTR_Counted), MP_ROM_PTR(&lab_counted_type) },
};
static MP_DEFINE_CONST_DICT(lab_dict, lab_table);

const mp_obj_module_t lab_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&lab_dict,
};
MP_REGISTER_MODULE(MP_QSTR_lab, lab_module);
