/*
 * vib.Fifo: the FIFO of a chip behind a vib.Bus. A burst is one call that allocates nothing and says what was lost. Where
 * the port can read outside of Python (vib_feed.h) it may be told to, and bursts come from a ring. Included by modvib.h.
 */
#include "vib_feed.h"

typedef struct {
    mp_obj_base_t base;
    bus_obj_t *bus;
    mp_obj_t buf; /* that is being filled */
    uint8_t *bytes; /* of buf */
    size_t n;
    vib_fifo_t fifo;
    vib_burst_t burst; /* the last one */
    mp_int_t late_ms; /* that it waited in a ring */
#ifdef VIB_FEED
    vib_feed_t *feed; /* NULL: bursts are read here */
#endif
} fifo_obj_t;

/* vib_read_t over a vib.Bus. Whoever reads by methods needs an object to read into. */
static int read_of_bus(void *fifo, uint8_t address, uint8_t *dest, size_t n)
{
    fifo_obj_t *self = fifo;
    bus_obj_t *bus = self->bus;
    mp_obj_t into = n == 1 ? bus->command : bus->message;
    if (n > 2 && dest == self->bytes && n == self->n) {
        into = self->buf;
    } else if (n > 2) {
        if (bus->entry_bytes != n) {
            bus->entry = new_bytearray(n);
            bus->entry_bytes = n;
        }
        into = bus->entry;
    }
    if (bus->spi) {
        read_registers(bus, address, into, dest, n);
    } else {
        uint8_t *bytes = bytes_of(into);
        read_registers(bus, address, into, bytes, n);
        if (bytes != dest) {
            memcpy(dest, bytes, n);
        }
    }
    return 0; /* what an I2C has to say comes as an exception */
}

static uint16_t uint16_of(mp_obj_t obj)
{
    mp_int_t value = position(obj);
    if (value < 0 || value > 65535) {
        refuse("vib: %d in the plan of a FIFO; accepted: 0 to 65535", obj);
    }
    return (uint16_t)value;
}

static fifo_obj_t *new_fifo(const mp_obj_type_t *type)
{
#ifdef VIB_FEED
    fifo_obj_t *self =
        mp_obj_malloc_with_finaliser(fifo_obj_t, type); /* a feed must not outlive whoever asked for it */
    self->feed = NULL;
#else
    fifo_obj_t *self = mp_obj_malloc(fifo_obj_t, type);
#endif
    self->buf = mp_const_none;
    self->bytes = NULL;
    self->n = 0;
    self->late_ms = 0;
    memset(&self->burst, 0, sizeof self->burst);
    return self;
}

/* Fifo(bus, plan): `plan` has the fields of VIB_FIFO_PLAN, in that order. */
static mp_obj_t fifo_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    size_t n = 0;
    mp_obj_t *field;
    mp_arg_check_num(n_args, n_kw, 2, 2, false);
    if (mp_obj_get_type(args[0])->name != MP_QSTR_Bus) {
        mp_raise_TypeError(MP_ERROR_TEXT("vib: a vib.Bus needed"));
    }
    fifo_obj_t *self = new_fifo(type);
    mp_obj_get_array(args[1], &n, &field);
#define FIELD(name) +1
    if (n != 0 VIB_FIFO_PLAN(FIELD)) {
        refuse("vib: the plan of a FIFO has %d fields; accepted: those of VIB_FIFO_PLAN", MP_OBJ_NEW_SMALL_INT(n));
    }
#undef FIELD
#define FIELD(name) self->fifo.plan.name = uint16_of(*field++);
    VIB_FIFO_PLAN(FIELD)
#undef FIELD
    vib_fifo_plan_t *plan = &self->fifo.plan;
    if (!plan->level_unit || plan->level_bytes < 1 || plan->level_bytes > 2 || !plan->frame_bytes || !plan->frames) {
        mp_raise_ValueError(MP_ERROR_TEXT("vib: no FIFO is as this plan has it"));
    }
    self->bus = MP_OBJ_TO_PTR(args[0]);
    self->fifo.read = read_of_bus;
    self->fifo.bus = self;
    vib_fifo_begin(&self->fifo);
    return MP_OBJ_FROM_PTR(self);
}

/* Raises OSError with what is wrong. */
static void check_fifo(const vib_fifo_t *fifo, int32_t status)
{
    if (status == VIB_FIFO_OK) {
        return;
    }
    const char *format = status == VIB_FIFO_LEVEL ? "FIFO level: 0x%02x" : "FIFO tag: 0x%02x";
    mp_obj_t value = MP_OBJ_NEW_SMALL_INT(status == VIB_FIFO_LEVEL ? fifo->said : fifo->tag);
    mp_obj_t text = str("no answer");
    if (status != VIB_FIFO_BUS) {
        text = mp_binary_op(MP_BINARY_OP_MODULO, str(format), value);
    }
    mp_raise_type_arg(MP_OBJ_TO_PTR(mp_load_global(MP_QSTR_OSError)),
                      text); /* a native module has no other way to it */
}

static mp_obj_t fifo_level(mp_obj_t self_in)
{
    fifo_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uint32_t level = 0;
    check_fifo(&self->fifo, vib_fifo_level(&self->fifo, &level));
    return MP_OBJ_NEW_SMALL_INT(level);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fifo_level_obj, fifo_level);

/* The whole frames that `buf` holds, whose bytes are taken note of. */
static size_t frames_of(fifo_obj_t *self, mp_obj_t buf)
{
    mp_buffer_info_t into;
    mp_get_buffer_raise(buf, &into, MP_BUFFER_WRITE);
    self->buf = buf;
    self->bytes = into.buf;
    self->n = into.len;
    if (into.len == 0 || into.len % self->fifo.plan.frame_bytes) {
        refuse("vib: %d bytes; accepted: whole frames", MP_OBJ_NEW_SMALL_INT(into.len));
    }
    return into.len / self->fifo.plan.frame_bytes;
}

static mp_obj_t fifo_fetch(mp_obj_t self_in, mp_obj_t buf)
{
    fifo_obj_t *self = MP_OBJ_TO_PTR(self_in);
    size_t n = frames_of(self, buf);
    check_fifo(&self->fifo, vib_fifo_fetch(&self->fifo, self->bytes, n));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(fifo_fetch_obj, fifo_fetch);

#ifdef VIB_FEED
static bool take(fifo_obj_t *self)
{
    vib_ring_t *ring = vib_feed_ring(self->feed);
    bool was_full = vib_ring_held(ring) >= ring->bursts;
    if (self->n != ring->burst_bytes) {
        refuse("vib: a buffer of %d bytes; accepted: a burst of the feed", MP_OBJ_NEW_SMALL_INT(self->n));
    }
    if (!vib_ring_take(ring, self->bytes, &self->burst)) {
        check_fifo(&self->fifo, ring->status);
        return false;
    }
    if (was_full) {
        vib_feed_has_room(self->feed);
    }
    self->late_ms = (mp_int_t)(vib_feed_now_ms() - self->burst.at_ms);
    return true;
}
#endif

/* Fill `buf` with the oldest frames if there are so many: how many, or 0. */
static mp_obj_t fifo_readinto(mp_obj_t self_in, mp_obj_t buf)
{
    fifo_obj_t *self = MP_OBJ_TO_PTR(self_in);
    size_t n = frames_of(self, buf);
    bool got = false;
#ifdef VIB_FEED
    if (self->feed) {
        return MP_OBJ_NEW_SMALL_INT(take(self) ? n : 0);
    }
#endif
    check_fifo(&self->fifo, vib_fifo_burst(&self->fifo, self->bytes, n, &got));
    if (got) {
        self->burst.left = (uint16_t)self->fifo.left;
        self->burst.gap = self->fifo.gap ? VIB_GAP_OF_BUS : VIB_NO_GAP;
    }
    return MP_OBJ_NEW_SMALL_INT(got ? n : 0);
}
static MP_DEFINE_CONST_FUN_OBJ_2(fifo_readinto_obj, fifo_readinto);

/* The chip begins anew, and is read here. */
static mp_obj_t fifo_begin(mp_obj_t self_in)
{
    fifo_obj_t *self = MP_OBJ_TO_PTR(self_in);
#ifdef VIB_FEED
    if (self->feed) {
        vib_feed_stop(self->feed);
        self->feed = NULL;
    }
#endif
    vib_fifo_begin(&self->fifo);
    memset(&self->burst, 0, sizeof self->burst);
    self->late_ms = 0;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(fifo_begin_obj, fifo_begin);

/* feed(bus, frames, bursts, burst_us): have bursts of so many frames read outside of Python, where the port can; returns
 * whether it does. `bus`: is_spi, number, select, int1 or -1, hz, mode. */
static mp_obj_t fifo_feed(size_t n_args, const mp_obj_t *args)
{
#ifdef VIB_FEED
    fifo_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_obj_t *bus;
    mp_obj_get_array_fixed_n(args[1], 6, &bus);
    vib_feed_bus_t where = {
        mp_obj_is_true(bus[0]),           octet(bus[1]), octet(bus[2]),       (int16_t)mp_obj_get_int(bus[3]),
        (uint32_t)mp_obj_get_int(bus[4]), octet(bus[5]), self->bus->burst_bit
    };
    fifo_begin(args[0]);
    self->feed = vib_feed_start(&self->fifo.plan, &where, (size_t)position(args[2]), (uint32_t)position(args[3]),
                                (uint32_t)position(args[4]));
    return mp_obj_new_bool(self->feed != NULL);
#else
    (void)args;
    return mp_const_false;
#endif
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(fifo_feed_obj, 5, 5, fifo_feed);

/* Whether a feed has a burst that can be taken. */
static bool fed(mp_obj_t fifo)
{
#ifdef VIB_FEED
    if (fifo != mp_const_none) {
        vib_feed_t *feed = ((fifo_obj_t *)MP_OBJ_TO_PTR(fifo))->feed;
        return feed && (vib_ring_held(vib_feed_ring(feed)) > 0 || vib_feed_ring(feed)->status != VIB_FIFO_OK);
    }
#endif
    return false;
}

static void fifo_attr(mp_obj_t self_in, qstr name, mp_obj_t *dest)
{
    fifo_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_int_t value = 0;
    if (dest[0] != MP_OBJ_NULL) {
        return;
    }
    if (name == MP_QSTR_gap) {
        value = self->burst.gap;
    } else if (name == MP_QSTR_left) {
        value = self->burst.left;
    } else if (name == MP_QSTR_late_ms) {
        value = self->late_ms;
    } else {
        dest[1] = MP_OBJ_SENTINEL; /* on to the methods */
        return;
    }
    dest[0] = MP_OBJ_NEW_SMALL_INT(value);
}

#define VIB_FIFO_METHODS(ENTRY) \
    ENTRY(MP_QSTR_level, fifo_level_obj) \
    ENTRY(MP_QSTR_fetch, fifo_fetch_obj) \
    ENTRY(MP_QSTR_readinto, fifo_readinto_obj) \
    ENTRY(MP_QSTR_begin, fifo_begin_obj) \
    ENTRY(MP_QSTR_feed, fifo_feed_obj) \
    ENTRY(MP_QSTR___del__, fifo_begin_obj)
