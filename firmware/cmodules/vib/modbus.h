/*
 * vib.Bus: the registers of a chip on an SPI or I2C, in one call each that allocates nothing. Where the SPI is MicroPython's own, its transfer function is called as machine.SPI's methods would; every
 * other object, SoftI2C or a simulated one, is used by its methods. Included by modvib.h.
 */

/* As extmod/modmachine.h and extmod/virtpin.h have them since MicroPython 1.12; a native module cannot include those. */
typedef struct {
    void (*init)(mp_obj_base_t *spi, size_t n_args, const mp_obj_t *args, mp_map_t *kw_args);
    void (*deinit)(mp_obj_base_t *spi);
    void (*transfer)(mp_obj_base_t *spi, size_t n, const uint8_t *src, uint8_t *dest);
} spi_protocol_t;

typedef struct {
    mp_uint_t (*ioctl)(mp_obj_t pin, mp_uint_t request, uintptr_t arg, int *error);
} pin_protocol_t;

enum {
    PIN_WRITE = 2
};

enum {
    SPI_READ = 0x80, /* the highest bit of an address, on every chip here */
    MAX_ENTRY_BYTES = 16 /* of a FIFO that gives one entry a transfer */
};

typedef struct {
    mp_obj_base_t base;
    mp_obj_t bus;
    mp_obj_t select; /* SPI: the pin that is low while the chip listens. I2C: its address */
    mp_obj_t message; /* a bytearray of the two bytes of a write */
    mp_obj_t command; /* and one of the byte before a read */
    mp_obj_t entry; /* and one for an entry of so many bytes, once they are asked for */
    const spi_protocol_t *spi; /* NULL: by its methods */
    const pin_protocol_t *pin; /* NULL: by calling it */
    size_t entry_bytes;
    uint8_t burst_bit; /* what the chip wants to see in the address of more than one byte */
    bool is_spi;
    bool selected; /* a transfer that raised leaves the pin low */
    uint8_t bytes[1 + MAX_ENTRY_BYTES];
} bus_obj_t;

/* The protocol of an object whose type is MicroPython's of that name. */
static const void *protocol_of(mp_obj_t obj, qstr name, qstr soft_name)
{
    const mp_obj_type_t *type = mp_obj_get_type(obj);
    return type->name == name || type->name == soft_name ? MP_OBJ_TYPE_GET_SLOT_OR_NULL(type, protocol) : NULL;
}

static mp_obj_t new_bytearray(size_t n)
{
    return mp_obj_new_bytearray_by_ref(n, m_new(uint8_t, n));
}

static uint8_t *bytes_of(mp_obj_t bytearray)
{
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(bytearray, &buffer, MP_BUFFER_WRITE);
    return buffer.buf;
}

static void call_method(mp_obj_t obj, qstr name, size_t n, const mp_obj_t *args)
{
    mp_obj_t call[2 + 3];
    mp_load_method(obj, name, call);
    for (size_t i = 0; i < n; i++) {
        call[2 + i] = args[i];
    }
    mp_call_method_n_kw(n, 0, call);
}

static void set_select(bus_obj_t *self, bool listens)
{
    int error = 0;
    if (self->pin) {
        self->pin->ioctl(self->select, PIN_WRITE, !listens, &error);
    } else {
        mp_obj_t level = MP_OBJ_NEW_SMALL_INT(!listens);
        mp_call_function_n_kw(self->select, 1, 0, &level);
    }
    self->selected = listens;
}

static void begin_transfer(bus_obj_t *self)
{
    if (self->selected) {
        set_select(self, false);
    }
    set_select(self, true);
}

/* n bytes from the bus by the SPI's own function: the address and a short answer in one transfer, as each takes its time
 * whatever its length. */
static void spi_read(bus_obj_t *self, uint8_t address, uint8_t *dest, size_t n)
{
    mp_obj_base_t *spi = MP_OBJ_TO_PTR(self->bus);
    self->bytes[0] = address;
    if (n <= MAX_ENTRY_BYTES) {
        memset(self->bytes + 1, 0, n);
        self->spi->transfer(spi, 1 + n, self->bytes, self->bytes);
        memcpy(dest, self->bytes + 1, n);
    } else {
        self->spi->transfer(spi, 1, self->bytes, NULL);
        memset(dest, 0, n);
        self->spi->transfer(spi, n, dest, dest);
    }
}

/* Fill `buf`, whose n bytes stand at `dest`, from a register on. */
static void read_registers(bus_obj_t *self, mp_int_t address, mp_obj_t buf, uint8_t *dest, size_t n)
{
    address |= n > 1 ? self->burst_bit : 0;
    if (!self->is_spi) {
        mp_obj_t args[] = { self->select, MP_OBJ_NEW_SMALL_INT(address), buf };
        call_method(self->bus, MP_QSTR_readfrom_mem_into, 3, args);
        return;
    }
    begin_transfer(self);
    if (self->spi) {
        spi_read(self, (uint8_t)(address | SPI_READ), dest, n);
    } else {
        *bytes_of(self->command) = (uint8_t)(address | SPI_READ);
        call_method(self->bus, MP_QSTR_write, 1, &self->command);
        call_method(self->bus, MP_QSTR_readinto, 1, &buf);
    }
    set_select(self, false);
}

static mp_obj_t bus_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args)
{
    mp_arg_check_num(n_args, n_kw, 2, 3, false);
    bus_obj_t *self = mp_obj_malloc(bus_obj_t, type);
    self->bus = args[0];
    self->select = args[1];
    self->is_spi = !mp_obj_is_small_int(args[1]);
    self->burst_bit = (uint8_t)(n_args > 2 ? position(args[2]) : 0);
    self->spi = self->is_spi ? protocol_of(args[0], MP_QSTR_SPI, MP_QSTR_SoftSPI) : NULL;
    self->pin = self->is_spi ? protocol_of(args[1], MP_QSTR_Pin, MP_QSTR_Pin) : NULL;
    self->message = new_bytearray(2);
    self->command = new_bytearray(1);
    self->entry = mp_const_none;
    self->entry_bytes = 0;
    self->selected = false;
    if (self->is_spi) {
        set_select(self, false);
        /* Where SCK is high between transfers, in mode 3, the ESP32 makes it so with the first one only: a chip that was
         * selected before would count one edge too many. This one goes to nobody. */
        if (self->spi) {
            self->spi->transfer(MP_OBJ_TO_PTR(self->bus), 1, self->bytes, NULL);
        } else {
            call_method(self->bus, MP_QSTR_write, 1, &self->command);
        }
    }
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t bus_read(mp_obj_t self_in, mp_obj_t address, mp_obj_t buf)
{
    mp_buffer_info_t into;
    mp_get_buffer_raise(buf, &into, MP_BUFFER_WRITE);
    read_registers(MP_OBJ_TO_PTR(self_in), position(address), buf, into.buf, into.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(bus_read_obj, bus_read);

static mp_obj_t bus_read_byte(mp_obj_t self_in, mp_obj_t address)
{
    bus_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uint8_t *byte = bytes_of(self->command);
    read_registers(self, position(address), self->command, byte, 1);
    return MP_OBJ_NEW_SMALL_INT(*byte);
}
static MP_DEFINE_CONST_FUN_OBJ_2(bus_read_byte_obj, bus_read_byte);

static mp_obj_t bus_write(mp_obj_t self_in, mp_obj_t address, mp_obj_t value)
{
    bus_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uint8_t *message = bytes_of(self->message);
    message[0] = (uint8_t)position(address);
    message[1] = (uint8_t)position(value);
    if (!self->is_spi) {
        uint8_t *byte = bytes_of(self->command);
        *byte = message[1];
        mp_obj_t args[] = { self->select, address, self->command };
        call_method(self->bus, MP_QSTR_writeto_mem, 3, args);
        return mp_const_none;
    }
    begin_transfer(self);
    if (self->spi) {
        self->spi->transfer(MP_OBJ_TO_PTR(self->bus), 2, message, NULL);
    } else {
        call_method(self->bus, MP_QSTR_write, 1, &self->message);
    }
    set_select(self, false);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(bus_write_obj, bus_write);

/* Cycles of the bus clock that a read of n bytes takes: on I2C with address, register, address, start and stop. */
static mp_obj_t bus_clocks(mp_obj_t self_in, mp_obj_t n)
{
    bus_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_int_t bytes = position(n);
    return MP_OBJ_NEW_SMALL_INT(self->is_spi ? 8 * (1 + bytes) : 9 * (3 + bytes) + 3);
}
static MP_DEFINE_CONST_FUN_OBJ_2(bus_clocks_obj, bus_clocks);

#define VIB_BUS_METHODS(ENTRY) \
    ENTRY(MP_QSTR_read, bus_read_obj) \
    ENTRY(MP_QSTR_read_byte, bus_read_byte_obj) \
    ENTRY(MP_QSTR_write, bus_write_obj) \
    ENTRY(MP_QSTR_clocks, bus_clocks_obj)
