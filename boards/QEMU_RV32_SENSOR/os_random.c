// Included by extmod/modos.c: the same numbers in every run.
static mp_obj_t mp_os_urandom(mp_obj_t num)
{
    static uint32_t state = 1;
    vstr_t vstr;
    vstr_init_len(&vstr, mp_obj_get_int(num));
    for (size_t i = 0; i < vstr.len; i++) {
        state = state * 1664525u + 1013904223u;
        vstr.buf[i] = (char)(state >> 24);
    }
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
