/*
 * vib.Wake: what a task awaits until an interrupt comes or a feed has a burst, as asyncio.ThreadSafeFlag, but it stays
 * registered with asyncio's poll, is looked at without a call into Python, and a wait allocates nothing. Included by
 * modvib.h.
 */

typedef struct {
    mp_obj_base_t base;
    mp_obj_t core; /* the module asyncio.core */
    mp_obj_t fifo; /* a vib.Fifo whose feed is waited for, or None */
    mp_obj_t entry; /* the list in asyncio's IOQueue of who waits for this: [who reads, who writes, this] */
    bool came;
    bool awaited;
    bool turns; /* the others have their turn first, even where it has come */
} wake_obj_t;

/* As py/stream.h has them. */
typedef struct {
    mp_uint_t (*read)(mp_obj_t obj, void *buf, mp_uint_t size, int *error);
    mp_uint_t (*write)(mp_obj_t obj, const void *buf, mp_uint_t size, int *error);
    mp_uint_t (*ioctl)(mp_obj_t obj, mp_uint_t request, uintptr_t arg, int *error);
    mp_uint_t is_text : 1;
} stream_protocol_t;

enum {
    STREAM_POLL = 3,
    STREAM_POLL_READ = 1,
    INVALID = 22 /* EINVAL */
};

/* Wake(core, fifo). It is of use once it is registered: see drivers/fifo.py. */
static mp_obj_t wake_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    mp_arg_check_num(n_args, n_kw, 2, 2, false);
    wake_obj_t *self = mp_obj_malloc(wake_obj_t, type);
    self->core = args[0];
    self->fifo = args[1];
    self->entry = mp_const_none;
    self->came = self->awaited = self->turns = false;
    return MP_OBJ_FROM_PTR(self);
}

/* Called with a list: its entry. With False: the next wait lasts as long as the others' turn, and takes no memory, which
 * asyncio.sleep_ms(0) does. With anything else it is the interrupt's handler, which is given the pin. */
static mp_obj_t wake_call(mp_obj_t self_in, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    wake_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    if (mp_obj_get_type(args[0]) == &mp_type_list) {
        self->entry = args[0];
    } else {
        self->turns = args[0] == mp_const_false;
        self->came = true;
    }
    return mp_const_none;
}

/* The answer does not depend on what is asked for: asyncio asks for writers alone while nobody reads. */
static mp_uint_t wake_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *error)
{
    wake_obj_t *self = MP_OBJ_TO_PTR(self_in);
    (void)arg;
    if (request != STREAM_POLL) {
        *error = INVALID;
        return (mp_uint_t)-1;
    }
    return self->awaited && (self->came || fed(self->fifo)) ? STREAM_POLL_READ : 0;
}

/* Awaited: wait once, and then it has come. */
static mp_obj_t wake_next(mp_obj_t self_in)
{
    wake_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (!self->turns && (self->came || self->awaited || fed(self->fifo))) {
        self->came = self->awaited = false;
        return MP_OBJ_STOP_ITERATION;
    }
    mp_obj_t task = mp_load_attr(self->core, MP_QSTR_cur_task);
    self->awaited = true;
    self->turns = false;
    mp_obj_subscr(self->entry, MP_OBJ_NEW_SMALL_INT(0), task);
    mp_store_attr(task, MP_QSTR_data, mp_load_attr(self->core, MP_QSTR__io_queue)); /* who can call the wait off */
    return mp_const_none;
}
