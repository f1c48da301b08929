// A broker that takes everything at once, at the other end of a socket.
#include <string.h>

#include "lab.h"
#include "py/mperrno.h"
#include "py/runtime.h"
#include "py/stream.h"

enum {
    ANSWER_BYTES = 64
};

typedef struct {
    mp_obj_base_t base;
    uint8_t answers[ANSWER_BYTES];
    size_t held;
} lab_socket_t;

static mp_obj_t lab_socket_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    (void)n_args, (void)n_kw, (void)args;
    lab_socket_t *self = mp_obj_malloc(lab_socket_t, type);
    self->held = 0;
    return MP_OBJ_FROM_PTR(self);
}

static void answer(lab_socket_t *self, uint8_t kind, const uint8_t *body, size_t n)
{
    if (self->held + n + 2 <= ANSWER_BYTES) {
        self->answers[self->held] = kind;
        self->answers[self->held + 1] = (uint8_t)n;
        memcpy(self->answers + self->held + 2, body, n);
        self->held += n + 2;
    }
}

// MQTT's CONNACK, SUBACK, PUBACK and PINGRESP, for a packet that comes in one piece.
static mp_uint_t lab_socket_write(mp_obj_t self_in, const void *buf, mp_uint_t size, int *errcode)
{
    lab_socket_t *self = MP_OBJ_TO_PTR(self_in);
    const uint8_t *packet = buf;
    size_t at = 1;
    (void)errcode;
    while (at < size && packet[at] & 0x80) {
        at++;
    }
    at++;
    const uint8_t nothing[2] = { 0, 0 };
    switch (packet[0] & 0xf0) {
    case 0x10:
        answer(self, 0x20, nothing, 2);
        break;
    case 0x80: {
        const uint8_t granted[3] = { packet[at], packet[at + 1], 1 };
        answer(self, 0x90, granted, 3);
        break;
    }
    case 0x30:
        if (packet[0] & 6) {
            answer(self, 0x40, packet + at + 2 + (packet[at] << 8 | packet[at + 1]), 2);
        }
        break;
    case 0xc0:
        answer(self, 0xd0, nothing, 0);
        break;
    }
    return size;
}

static mp_uint_t lab_socket_read(mp_obj_t self_in, void *buf, mp_uint_t size, int *errcode)
{
    lab_socket_t *self = MP_OBJ_TO_PTR(self_in);
    size_t n = size < self->held ? size : self->held;
    if (n == 0) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    memcpy(buf, self->answers, n);
    self->held -= n;
    memmove(self->answers, self->answers + n, self->held);
    return n;
}

static mp_uint_t lab_socket_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode)
{
    lab_socket_t *self = MP_OBJ_TO_PTR(self_in);
    (void)errcode;
    if (request != MP_STREAM_POLL) {
        return 0;
    }
    return (arg & MP_STREAM_POLL_WR) | (self->held ? arg & MP_STREAM_POLL_RD : 0);
}

static mp_obj_t lab_socket_nothing(size_t n_args, const mp_obj_t *args)
{
    (void)n_args, (void)args;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lab_socket_nothing_obj, 1, 4, lab_socket_nothing);

static const mp_rom_map_elem_t lab_socket_table[] = {
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&mp_stream_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_stream_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_stream_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&lab_socket_nothing_obj) },
    { MP_ROM_QSTR(MP_QSTR_connect), MP_ROM_PTR(&lab_socket_nothing_obj) },
    { MP_ROM_QSTR(MP_QSTR_setblocking), MP_ROM_PTR(&lab_socket_nothing_obj) },
};
static MP_DEFINE_CONST_DICT(lab_socket_dict, lab_socket_table);

static const mp_stream_p_t lab_socket_protocol = {
    .read = lab_socket_read,
    .write = lab_socket_write,
    .ioctl = lab_socket_ioctl,
};

MP_DEFINE_CONST_OBJ_TYPE(lab_socket_type, MP_QSTR_socket, MP_TYPE_FLAG_NONE, make_new, lab_socket_make_new, protocol,
                         &lab_socket_protocol, locals_dict, &lab_socket_dict);
