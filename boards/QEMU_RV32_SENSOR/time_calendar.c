// Included by extmod/modtime.c: seconds since power-on, counted from 2000-01-01 as the ESP32 does.
#include "py/mphal.h"
#include "py/obj.h"
#include "shared/timeutils/timeutils.h"

static mp_obj_t mp_time_time_get(void)
{
    return mp_obj_new_int_from_ull(mp_hal_time_ns() / 1000000000u);
}

static mp_obj_t mp_time_localtime_get(void)
{
    timeutils_struct_time_t tm;
    timeutils_seconds_since_epoch_to_struct_time(mp_hal_time_ns() / 1000000000u, &tm);
    const int values[] = {
        tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_wday, tm.tm_yday
    };
    mp_obj_t tuple[MP_ARRAY_SIZE(values)];
    for (size_t i = 0; i < MP_ARRAY_SIZE(values); i++) {
        tuple[i] = MP_OBJ_NEW_SMALL_INT(values[i]);
    }
    return mp_obj_new_tuple(MP_ARRAY_SIZE(values), tuple);
}
