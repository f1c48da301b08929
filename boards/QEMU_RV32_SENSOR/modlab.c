// The module `lab`: what measuring the application needs and no sensor has. An accelerometer's FIFO that is always full
// enough behind an SPI of MicroPython's own kind, pins, a flash, a clock that stands still but for samples and waits; and
// what all of it cost. What is executed in here counts as the bus's, not as the application's.
#include <string.h>

#include "extmod/virtpin.h"
#include "lab_clock.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/obj.h"
#include "py/runtime.h"
#include "py/stream.h"

// ---- Counting ----

static uint64_t instructions(void)
{
    uint32_t low, high, again;
    do {
        __asm__ volatile("csrr %0, minstreth\n csrr %1, minstret\n csrr %2, minstreth"
                         : "=r"(high), "=r"(low), "=r"(again));
    } while (high != again);
    return (uint64_t)high << 32 | low;
}

static uint64_t in_bus, last_read, longest_stretch;

static mp_obj_t lab_instructions(void)
{
    return mp_obj_new_int_from_ull(instructions() - in_bus);
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
    uint64_t start = instructions() - in_bus;
    mp_obj_t result = mp_call_function_n_kw(self->function, n_args, n_kw, args);
    uint64_t spent = instructions() - in_bus - start;
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
    last_read = instructions() - in_bus;
    return mp_obj_new_int_from_ull(most);
}
static MP_DEFINE_CONST_FUN_OBJ_0(lab_longest_stretch_obj, lab_longest_stretch);

static mp_obj_t lab_advance_ms(mp_obj_t ms)
{
    lab_clock_advance_us((uint64_t)mp_obj_get_int(ms) * 1000u);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(lab_advance_ms_obj, lab_advance_ms);

// ---- The chip behind its SPI ----

typedef struct {
    mp_obj_base_t base;
    size_t at; // in the stream
    uint8_t *registers; // 128 of them; what is asked for is what stands here but for the two below
    uint8_t level_register, data_register, address_mask, level_unit;
    size_t frame_bytes, burst_frames;
    size_t left; // bytes of the burst that is there
    uint32_t ns_a_frame;
    uint8_t address;
    size_t index; // of the next byte, 0 the address
    mp_obj_t handler; // of the interrupt pin
    mp_obj_t int1;
} lab_spi_t;

static const mp_obj_type_t lab_spi_type, lab_pin_type;

static uint8_t stream[65536]; // frames as they come off the bus, over and over; outside of the heap
static size_t stream_bytes;

static mp_obj_t lab_add_to_stream(mp_obj_t data)
{
    mp_buffer_info_t more;
    mp_get_buffer_raise(data, &more, MP_BUFFER_READ);
    if (more.len > sizeof stream - stream_bytes) {
        mp_raise_ValueError(MP_ERROR_TEXT("the stream is too long"));
    }
    memcpy(stream + stream_bytes, more.buf, more.len);
    stream_bytes += more.len;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(lab_add_to_stream_obj, lab_add_to_stream);

static uint8_t level_byte(lab_spi_t *self, size_t index)
{
    if (index == 0) {
        uint64_t now = instructions() - in_bus;
        if (now - last_read > longest_stretch) {
            longest_stretch = now - last_read;
        }
        last_read = now;
        if (self->left == 0 && self->int1 == mp_const_none) { // polled: the next time there will be one
            self->left = self->burst_frames * self->frame_bytes;
            return 0;
        }
    }
    return (uint8_t)(self->left / self->frame_bytes * self->level_unit >> 8 * index);
}

static void read_data(lab_spi_t *self, uint8_t *dest, size_t n)
{
    for (size_t done = 0; done < n;) {
        size_t piece = stream_bytes - self->at < n - done ? stream_bytes - self->at : n - done;
        memcpy(dest + done, stream + self->at, piece);
        self->at = (self->at + piece) % stream_bytes;
        done += piece;
    }
    lab_clock_advance_us(0);
    lab_clock_samples_ns((uint64_t)(n / self->frame_bytes) * self->ns_a_frame);
    self->left = self->left > n ? self->left - n : 0;
}

static void lab_spi_transfer(mp_obj_base_t *base, size_t n, const uint8_t *src, uint8_t *dest)
{
    uint64_t start = instructions();
    lab_spi_t *self = (lab_spi_t *)base;
    size_t i = 0;
    if (self->index == 0 && n) {
        self->address = src[0];
        self->index = 1;
        i = 1;
    }
    uint8_t first = self->address & self->address_mask;
    if ((self->address & 0x80) && first == self->data_register && dest) {
        read_data(self, dest + i, n - i);
        self->index += n - i;
    } else {
        for (; i < n; i++, self->index++) {
            uint8_t place = (uint8_t)(first + self->index - 1) & 0x7f;
            if (!(self->address & 0x80)) {
                self->registers[place] = src[i];
            } else if (dest) {
                bool is_level = first == self->level_register;
                dest[i] = is_level ? level_byte(self, self->index - 1) : self->registers[place];
            }
        }
    }
    in_bus += instructions() - start;
}

static const struct {
    void (*init)(mp_obj_base_t *, size_t, const mp_obj_t *, mp_map_t *);
    void (*deinit)(mp_obj_base_t *);
    void (*transfer)(mp_obj_base_t *, size_t, const uint8_t *, uint8_t *);
} lab_spi_protocol = { NULL, NULL, lab_spi_transfer };

// SPI(registers, level_register, data_register, address_mask, level_unit, frame_bytes, burst_frames, ns_a_frame)
static mp_obj_t lab_spi_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    mp_buffer_info_t registers;
    mp_arg_check_num(n_args, n_kw, 8, 8, false);
    mp_get_buffer_raise(args[0], &registers, MP_BUFFER_WRITE);
    lab_spi_t *self = mp_obj_malloc(lab_spi_t, type);
    self->at = 0;
    self->registers = registers.buf;
    self->level_register = mp_obj_get_int(args[1]);
    self->data_register = mp_obj_get_int(args[2]);
    self->address_mask = mp_obj_get_int(args[3]);
    self->level_unit = mp_obj_get_int(args[4]);
    self->frame_bytes = mp_obj_get_int(args[5]);
    self->burst_frames = mp_obj_get_int(args[6]);
    self->ns_a_frame = mp_obj_get_int(args[7]);
    self->left = 0;
    self->index = 0;
    self->handler = self->int1 = mp_const_none;
    return MP_OBJ_FROM_PTR(self);
}

static MP_DEFINE_CONST_OBJ_TYPE(lab_spi_type, MP_QSTR_SPI, MP_TYPE_FLAG_NONE, make_new, lab_spi_make_new, protocol,
                                &lab_spi_protocol);

// ---- Pins: the chip select, and the interrupt, which comes as soon as there is nothing else to do ----

static lab_spi_t *waiting; // the chip whose interrupt is asked for

// A burst that is there is read at once: no time passes until then, unless nobody comes for it.
bool lab_burst_came(void)
{
    static unsigned patience;
    lab_spi_t *spi = waiting;
    if (spi == NULL || spi->handler == mp_const_none) {
        return false;
    }
    if (spi->left) {
        return patience > 0 && patience--;
    }
    patience = 100;
    spi->left = spi->burst_frames * spi->frame_bytes;
    mp_sched_schedule(spi->handler, spi->int1);
    return true;
}

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

static mp_uint_t lab_pin_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode)
{
    lab_pin_t *self = MP_OBJ_TO_PTR(self_in);
    (void)errcode;
    if (request == MP_PIN_WRITE && !arg) {
        self->spi->index = 0;
    }
    return self->spi->left > 0;
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
    return MP_OBJ_NEW_SMALL_INT(spi->left > 0);
}

static mp_obj_t lab_pin_irq(mp_obj_t self_in, mp_obj_t handler, mp_obj_t trigger)
{
    lab_spi_t *spi = ((lab_pin_t *)MP_OBJ_TO_PTR(self_in))->spi;
    (void)trigger;
    spi->handler = handler;
    waiting = spi;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(lab_pin_irq_obj, lab_pin_irq);

static const mp_rom_map_elem_t lab_pin_table[] = {
    { MP_ROM_QSTR(MP_QSTR_irq), MP_ROM_PTR(&lab_pin_irq_obj) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_RISING), MP_ROM_INT(1) },
};
static MP_DEFINE_CONST_DICT(lab_pin_dict, lab_pin_table);

static const mp_pin_p_t lab_pin_protocol = { lab_pin_ioctl };

static MP_DEFINE_CONST_OBJ_TYPE(lab_pin_type, MP_QSTR_Pin, MP_TYPE_FLAG_NONE, make_new, lab_pin_make_new, call,
                                lab_pin_call, protocol, &lab_pin_protocol, locals_dict, &lab_pin_dict);

// ---- A flash of RAM, outside of the heap ----

enum {
    BLOCK_BYTES = 4096,
    BLOCKS = 96
};

static uint8_t flash[BLOCKS][BLOCK_BYTES];

typedef struct {
    mp_obj_base_t base;
} lab_flash_t;

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

static const lab_flash_t lab_flash = { { &lab_flash_type } };

// ---- A broker that takes everything at once, at the other end of a socket ----

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

static MP_DEFINE_CONST_OBJ_TYPE(lab_socket_type, MP_QSTR_socket, MP_TYPE_FLAG_NONE, make_new, lab_socket_make_new,
                                protocol, &lab_socket_protocol, locals_dict, &lab_socket_dict);

static const mp_rom_map_elem_t lab_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_lab) },
    { MP_ROM_QSTR(MP_QSTR_instructions), MP_ROM_PTR(&lab_instructions_obj) },
    { MP_ROM_QSTR(MP_QSTR_longest_stretch), MP_ROM_PTR(&lab_longest_stretch_obj) },
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
