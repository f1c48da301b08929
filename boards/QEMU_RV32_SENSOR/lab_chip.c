// An accelerometer's FIFO behind an SPI of MicroPython's own kind. Its frames are there when somebody waits for them, or,
// while the clock is paced, at the chip's own rate, and are lost where nobody comes. What is executed in here is executed
// by nobody.
#include <string.h>

#include "lab_chip.h"
#include "lab_clock.h"
#include "py/runtime.h"

enum {
    STREAM_BYTES = 65536
};

static uint8_t stream[STREAM_BYTES]; // frames as they come off the bus, over and over; outside of the heap
static size_t stream_bytes;
static lab_spi_t *the_chip; // the one that was made last

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
MP_DEFINE_CONST_FUN_OBJ_1(lab_add_to_stream_obj, lab_add_to_stream);

// From now on each instruction takes so many ps, and the chip samples by the clock: pace(ps).
static mp_obj_t lab_pace(mp_obj_t ps)
{
    lab_clock_pace((uint32_t)mp_obj_get_int(ps));
    if (the_chip) {
        the_chip->begun_ns = lab_clock_ns();
        the_chip->taken = the_chip->lost = the_chip->held = 0;
        lab_feed_arm();
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(lab_pace_obj, lab_pace);

// ---- The FIFO ----

// Frames that are there.
static uint32_t held(lab_spi_t *self)
{
    if (lab_clock_is_paced()) {
        uint64_t made = (lab_clock_ns() - self->begun_ns) / self->ns_a_frame;
        uint64_t here = made - self->taken;
        if (here > self->fifo_frames) {
            uint64_t gone = here - self->fifo_frames;
            self->lost += gone;
            self->taken += gone;
            self->at = (size_t)((self->at + gone * self->frame_bytes) % stream_bytes);
            self->overran = true;
            here = self->fifo_frames;
        }
        self->held = (uint32_t)here;
    }
    if (self->held < self->burst_frames) {
        self->is_high = false;
    }
    return self->held;
}

uint64_t lab_chip_due_ns(void)
{
    lab_spi_t *self = the_chip;
    uint64_t due = UINT64_MAX;
    lab_begin_apart();
    if (self && held(self) >= self->burst_frames) {
        due = lab_clock_ns();
    } else if (self && lab_clock_is_paced()) {
        due = self->begun_ns + (self->taken + self->burst_frames) * self->ns_a_frame;
    }
    lab_end_apart();
    return due;
}

uint64_t lab_chip_tells_at_ns(void)
{
    bool tells = the_chip && (lab_feed_is_on() || the_chip->handler != mp_const_none);
    return tells ? lab_chip_due_ns() : UINT64_MAX;
}

// A burst that is there is read at once: no time passes until then, unless nobody comes for it.
static bool have_a_burst(lab_spi_t *self)
{
    static unsigned patience;
    if (lab_clock_is_paced()) {
        return held(self) >= self->burst_frames;
    }
    if (self->held) {
        return patience > 0 && patience--;
    }
    patience = 100;
    self->held = self->burst_frames;
    return true;
}

// What is to be done when a burst is there and nobody was told.
static bool tell(lab_spi_t *self)
{
    if (lab_feed_is_on()) {
        lab_feed_arm(); // its interrupt comes at once
        return !lab_clock_is_paced();
    }
    if (self->is_high) {
        return !lab_clock_is_paced(); // the pin rose before, and nobody has come yet
    }
    self->is_high = true;
    mp_sched_schedule(self->handler, self->int1);
    return true;
}

bool lab_burst_came(void)
{
    lab_spi_t *self = the_chip;
    lab_begin_apart();
    bool came = self && (lab_feed_is_on() || self->handler != mp_const_none) && have_a_burst(self) && tell(self);
    lab_end_apart();
    return came;
}

static uint8_t level_byte(lab_spi_t *self, size_t index)
{
    if (index == 0) {
        lab_looked();
        if (self->held == 0 && self->int1 == mp_const_none) { // polled: the next time there will be one
            self->held = lab_clock_is_paced() ? 0 : self->burst_frames;
            return (uint8_t)(held(self) * self->level_unit * lab_clock_is_paced());
        }
    }
    uint8_t overrun = 0;
    if (index == 1 && self->overran && self->overrun_register == 0) {
        self->overran = false;
        overrun = self->overrun_bits;
    }
    return (uint8_t)(held(self) * self->level_unit >> 8 * index) | overrun;
}

static void read_data(lab_spi_t *self, uint8_t *dest, size_t n)
{
    uint32_t frames = n / self->frame_bytes;
    held(self);
    for (size_t done = 0; done < n;) {
        size_t piece = stream_bytes - self->at < n - done ? stream_bytes - self->at : n - done;
        memcpy(dest + done, stream + self->at, piece);
        self->at = (self->at + piece) % stream_bytes;
        done += piece;
    }
    self->taken += frames;
    self->held = self->held > frames ? self->held - frames : 0;
    lab_clock_samples_ns((uint64_t)frames * self->ns_a_frame);
}

// n bytes from a register on, the first of them number `index` of the answer.
static void answer(lab_spi_t *self, uint8_t first, size_t index, uint8_t *dest, size_t n)
{
    if (first == self->data_register) {
        read_data(self, dest, n);
        return;
    }
    for (size_t i = 0; i < n; i++, index++) {
        uint8_t place = (uint8_t)(first + index) & 0x7f;
        dest[i] = first == self->level_register ? level_byte(self, index) : self->registers[place];
        if (self->overrun_register && place == self->overrun_register) {
            dest[i] = self->overran ? self->overrun_bits : 0;
            self->overran = false;
        }
    }
}

// ---- The bus ----

static void charge(const lab_spi_t *self, size_t n)
{
    if (lab_clock_is_paced()) {
        lab_clock_advance_ns(self->transfer_ns + (uint64_t)n * self->ns_a_byte);
    }
}

static void lab_spi_transfer(mp_obj_base_t *base, size_t n, const uint8_t *src, uint8_t *dest)
{
    lab_begin_apart();
    lab_spi_t *self = (lab_spi_t *)base;
    size_t i = 0;
    if (self->index == 0 && n) {
        self->address = src[0];
        self->index = i = 1;
    }
    uint8_t first = self->address & self->address_mask;
    if (self->address & 0x80) {
        if (dest) {
            answer(self, first, self->index - 1, dest + i, n - i);
        }
    } else {
        for (size_t at = i; at < n; at++) {
            self->registers[(first + self->index - 1 + at - i) & 0x7f] = src[at];
        }
    }
    self->index += n - i;
    lab_end_apart();
    charge(self, n);
}

int lab_chip_read(void *spi, uint8_t address, uint8_t *dest, size_t n)
{
    lab_begin_apart();
    lab_spi_t *self = spi;
    answer(self, address & self->address_mask, 0, dest, n);
    lab_end_apart();
    charge(self, 1 + n);
    return 0;
}

void *lab_chip(void)
{
    return the_chip;
}

static const struct {
    void (*init)(mp_obj_base_t *, size_t, const mp_obj_t *, mp_map_t *);
    void (*deinit)(mp_obj_base_t *);
    void (*transfer)(mp_obj_base_t *, size_t, const uint8_t *, uint8_t *);
} lab_spi_protocol = { NULL, NULL, lab_spi_transfer };

// SPI(registers, level_register, data_register, address_mask, level_unit, frame_bytes, burst_frames, ns_a_frame,
// fifo_frames, overrun_register, overrun_bits, transfer_ns, ns_a_byte); overrun_register 0: in the level's second byte.
static mp_obj_t lab_spi_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    mp_buffer_info_t registers;
    mp_arg_check_num(n_args, n_kw, 13, 13, false);
    mp_get_buffer_raise(args[0], &registers, MP_BUFFER_WRITE);
    lab_spi_t *self = mp_obj_malloc(lab_spi_t, type);
    memset((uint8_t *)self + sizeof self->base, 0, sizeof *self - sizeof self->base);
    self->registers = registers.buf;
    self->level_register = mp_obj_get_int(args[1]);
    self->data_register = mp_obj_get_int(args[2]);
    self->address_mask = mp_obj_get_int(args[3]);
    self->level_unit = mp_obj_get_int(args[4]);
    self->frame_bytes = mp_obj_get_int(args[5]);
    self->burst_frames = mp_obj_get_int(args[6]);
    self->ns_a_frame = mp_obj_get_int(args[7]);
    self->fifo_frames = mp_obj_get_int(args[8]);
    self->overrun_register = mp_obj_get_int(args[9]);
    self->overrun_bits = mp_obj_get_int(args[10]);
    self->transfer_ns = mp_obj_get_int(args[11]);
    self->ns_a_byte = mp_obj_get_int(args[12]);
    self->handler = self->int1 = mp_const_none;
    the_chip = self;
    return MP_OBJ_FROM_PTR(self);
}

static void lab_spi_attr(mp_obj_t self_in, qstr name, mp_obj_t *dest)
{
    if (dest[0] == MP_OBJ_NULL && name == MP_QSTR_lost) {
        dest[0] = mp_obj_new_int_from_ull(((lab_spi_t *)MP_OBJ_TO_PTR(self_in))->lost);
    }
}

MP_DEFINE_CONST_OBJ_TYPE(lab_spi_type, MP_QSTR_SPI, MP_TYPE_FLAG_NONE, make_new, lab_spi_make_new, attr, lab_spi_attr,
                         protocol, &lab_spi_protocol);
