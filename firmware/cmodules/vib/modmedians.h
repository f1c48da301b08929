/*
 * vib.medians: what a baseline is made of. Included by modvib.h.
 */

enum {
    MAX_ROWS = 64
};

/* The first n in order, by insertion: there are tens of them. Of an even number the mean of the middle two, rounded
 * down. */
static int16_t median_of(int16_t *x, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        int16_t value = x[i];
        size_t j = i;
        for (; j > 0 && x[j - 1] > value; j--) {
            x[j] = x[j - 1];
        }
        x[j] = value;
    }
    return n % 2 ? x[n / 2] : (int16_t)((x[n / 2 - 1] + x[n / 2]) >> 1);
}

/* How many rows of n values an array('h') holds; its values begin at *values. */
static size_t rows_of(mp_obj_t obj, size_t n, int16_t **values)
{
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(obj, &buffer, MP_BUFFER_RW);
    if (buffer.typecode != 'h') {
        refuse("vib: array('h') needed, not one of %d bytes", MP_OBJ_NEW_SMALL_INT(buffer.len));
    }
    *values = buffer.buf;
    return buffer.len / sizeof(int16_t) / n;
}

/* A number of `what`, least or more and under 2^16. */
static size_t counted(mp_obj_t obj, mp_int_t least, const char *what)
{
    mp_int_t value = position(obj);
    if (value < least || value > 0xffff) {
        refuse(what, obj);
    }
    return (size_t)value;
}

/* medians(rows, count, n, medians, spreads, at): of each of the n columns of the first `count` rows its median, and the
 * median of its distances from that, limited to int16, into row `at` of the other two. */
static mp_obj_t vib_medians(size_t n_args, const mp_obj_t *args)
{
    int16_t *rows, *medians, *spreads, column[MAX_ROWS];
    size_t count = counted(args[1], 0, "vib: medians of %s rows; accepted: 1 to 64, as many as there are");
    size_t n = counted(args[2], 1, "vib: medians of %s columns; accepted: 1 to 65535");
    size_t at = counted(args[5], 0, "vib: medians into row %s; accepted: one that both arrays have");
    (void)n_args;
    if (count < 1 || count > MAX_ROWS || count > rows_of(args[0], n, &rows)) {
        refuse("vib: medians of %s rows; accepted: 1 to 64, as many as there are", args[1]);
    }
    if (at >= rows_of(args[3], n, &medians) || at >= rows_of(args[4], n, &spreads)) {
        refuse("vib: medians into row %s; accepted: one that both arrays have", args[5]);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t row = 0; row < count; row++) {
            column[row] = rows[row * n + i];
        }
        int32_t middle = median_of(column, count);
        for (size_t row = 0; row < count; row++) {
            int32_t away = column[row] > middle ? column[row] - middle : middle - column[row];
            column[row] = (int16_t)(away > 32767 ? 32767 : away);
        }
        medians[at * n + i] = (int16_t)middle;
        spreads[at * n + i] = median_of(column, count);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(vib_medians_obj, 6, 6, vib_medians);
