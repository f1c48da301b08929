// The clock behind the time module, in 32-bit arithmetic.
#include "linux.h"
#include "py/mphal.h"
#include "py/runtime.h"

typedef struct {
    uint32_t s;
    uint32_t ns;
} moment_t;

static moment_t now(void)
{
    static const int32_t monotonic = 1;
    moment_t moment;
    linux_call(LINUX_CLOCK_GETTIME, monotonic, (intptr_t)&moment, 0);
    return moment;
}

mp_uint_t mp_hal_ticks_us(void)
{
    moment_t moment = now();
    return moment.s * 1000000u + moment.ns / 1000u;
}

mp_uint_t mp_hal_ticks_ms(void)
{
    moment_t moment = now();
    return moment.s * 1000u + moment.ns / 1000000u;
}

mp_uint_t mp_hal_ticks_cpu(void)
{
    return mp_hal_ticks_us();
}

void mp_hal_delay_us(mp_uint_t us)
{
    mp_uint_t start_us = mp_hal_ticks_us();
    while (mp_hal_ticks_us() - start_us < us) {
        mp_handle_pending(true);
    }
}

void mp_hal_delay_ms(mp_uint_t ms)
{
    mp_hal_delay_us(ms * 1000u);
}
