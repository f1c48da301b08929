// The clock behind the time module: QEMU's, through semihosting.
#include "py/mphal.h"
#include "py/runtime.h"
#include "semihosting.h"

static uint64_t elapsed_ticks(void)
{
    uint64_t ticks = 0;
    semihosting_call(SEMIHOSTING_ELAPSED, &ticks);
    return ticks;
}

static uint32_t ticks_per_us(void)
{
    static uint32_t cached;
    if (cached == 0) {
        cached = (uint32_t)semihosting_call(SEMIHOSTING_TICKFREQ, NULL) / 1000000u;
    }
    return cached;
}

static uint64_t elapsed_us(void)
{
    return elapsed_ticks() / ticks_per_us();
}

mp_uint_t mp_hal_ticks_us(void)
{
    return (mp_uint_t)elapsed_us();
}

mp_uint_t mp_hal_ticks_ms(void)
{
    return (mp_uint_t)(elapsed_us() / 1000u);
}

mp_uint_t mp_hal_ticks_cpu(void)
{
    return (mp_uint_t)elapsed_ticks();
}

void mp_hal_delay_us(mp_uint_t us)
{
    uint64_t start_us = elapsed_us();
    while (elapsed_us() - start_us < us) {
        mp_handle_pending(true);
    }
}

void mp_hal_delay_ms(mp_uint_t ms)
{
    mp_hal_delay_us(ms * 1000u);
}
