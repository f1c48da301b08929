/*
 * vib.blend: what a machine's features would be at an operating point, from what was learnt at others. Included by
 * modvib.h.
 */

enum {
    WEIGHTS_SUM = 1 << 14,
    MOST_BLENDED = 32
};

static int16_t limited_to_int16(int32_t value)
{
    return (int16_t)(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
}

/* The weights, whose sum with none under 0 keeps the blend within 31 bits; *count of them. */
static const int16_t *blend_weights(mp_obj_t obj, size_t *count)
{
    int16_t *weights;
    uint32_t sum = 0;
    *count = rows_of(obj, 1, &weights);
    bool sound = *count >= 1 && *count <= MOST_BLENDED;
    for (size_t k = 0; sound && k < *count; k++) {
        sound = weights[k] >= 0;
        sum += (uint32_t)weights[k];
    }
    if (!sound || sum != WEIGHTS_SUM) {
        refuse("vib: blend of %s weights; accepted: 1 to 32 with a sum of 16384, none under 0",
               MP_OBJ_NEW_SMALL_INT(*count));
    }
    return weights;
}

/* blend(rows, weights, line, octaves, out): the mean of as many rows as there are weights, by these, and `octaves`
 * (1/256) further along the line (steps an octave); each limited to int16. */
static mp_obj_t vib_blend(size_t n_args, const mp_obj_t *args)
{
    int16_t *rows, *line, *out;
    size_t count, n = rows_of(args[2], 1, &line);
    const int16_t *weights = blend_weights(args[1], &count);
    mp_int_t octaves = mp_obj_get_int_truncated(args[3]);
    (void)n_args;
    if (n < 1 || count > rows_of(args[0], n, &rows) || rows_of(args[4], n, &out) != 1) {
        refuse("vib: blend of %s columns; accepted: as many in the line, each row and out", MP_OBJ_NEW_SMALL_INT(n));
    }
    if (!mp_obj_is_small_int(args[3]) || octaves < -32768 || octaves > 32767) {
        refuse("vib: blend %s octaves/256 along the line; accepted: -32768 to 32767", args[3]);
    }
    for (size_t i = 0; i < n; i++) {
        int32_t sum = WEIGHTS_SUM / 2; /* a half, to round */
        for (size_t k = 0; k < count; k++) {
            sum += (int32_t)weights[k] * rows[k * n + i];
        }
        int32_t further = ((int32_t)line[i] * (int32_t)octaves + 128) >> 8;
        out[i] = limited_to_int16((sum >> 14) + further);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(vib_blend_obj, 5, 5, vib_blend);
