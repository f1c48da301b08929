// Pins: the chip select, and the interrupt.
#include "extmod/virtpin.h"
#include "lab_chip.h"
#include "lab_clock.h"
#include "py/mphal.h"
#include "py/runtime.h"

typedef struct {
    mp_obj_base_t base;
    lab_spi_t *spi;
    bool is_interrupt;
} lab_pin_t;

static mp_obj_t lab_pin_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    mp_arg_check_num(n_args, n_kw, 2, 2, false);
    lab_pin_t *self = mp_obj_malloc(lab_pin_t, type);
    self->spi = MP_OBJ_TO_PTR(args[0]);
    self->is_interrupt = mp_obj_is_true(args[1]);
    if (self->is_interrupt) {
        self->spi->int1 = MP_OBJ_FROM_PTR(self);
    }
    return MP_OBJ_FROM_PTR(self);
}

static bool is_high(void)
{
    lab_begin_apart();
    bool high = lab_chip_due_ns() <= lab_clock_ns();
    lab_end_apart();
    return high;
}

static mp_uint_t lab_pin_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode)
{
    lab_pin_t *self = MP_OBJ_TO_PTR(self_in);
    (void)errcode;
    if (request == MP_PIN_WRITE) {
        self->spi->index = arg ? self->spi->index : 0;
        return 0;
    }
    return is_high();
}

static mp_obj_t lab_pin_call(mp_obj_t self_in, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    lab_spi_t *spi = ((lab_pin_t *)MP_OBJ_TO_PTR(self_in))->spi;
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 1, false);
    if (n_args) {
        spi->index = 0;
        return mp_const_none;
    }
    return mp_obj_new_bool(is_high());
}

static mp_obj_t lab_pin_irq(mp_obj_t self_in, mp_obj_t handler, mp_obj_t trigger)
{
    lab_spi_t *spi = ((lab_pin_t *)MP_OBJ_TO_PTR(self_in))->spi;
    (void)trigger;
    spi->handler = handler;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(lab_pin_irq_obj, lab_pin_irq);

static const mp_rom_map_elem_t lab_pin_table[] = {
    { MP_ROM_QSTR(MP_QSTR_irq), MP_ROM_PTR(&lab_pin_irq_obj) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_RISING), MP_ROM_INT(1) },
};
static MP_DEFINE_CONST_DICT(lab_pin_dict, lab_pin_table);

static const mp_pin_p_t lab_pin_protocol = { lab_pin_ioctl };

MP_DEFINE_CONST_OBJ_TYPE(lab_pin_type, MP_QSTR_Pin, MP_TYPE_FLAG_NONE, make_new, lab_pin_make_new, call, lab_pin_call,
                         protocol, &lab_pin_protocol, locals_dict, &lab_pin_dict);
