#include "lab_clock.h"
#include "py/mphal.h"
#include "py/runtime.h"

static uint64_t now_ns;

void lab_clock_advance_us(uint64_t us)
{
    now_ns += us * 1000u;
}

void lab_clock_samples_ns(uint64_t ns)
{
    now_ns += ns;
}

void lab_clock_wait(int timeout_ms)
{
    if (timeout_ms != 0 && !lab_burst_came()) {
        now_ns += 1000000u;
    }
}

mp_uint_t mp_hal_ticks_us(void)
{
    return (mp_uint_t)(now_ns / 1000u);
}

mp_uint_t mp_hal_ticks_ms(void)
{
    return (mp_uint_t)(now_ns / 1000000u);
}

mp_uint_t mp_hal_ticks_cpu(void)
{
    return mp_hal_ticks_us();
}

uint64_t mp_hal_time_ns(void)
{
    return now_ns;
}

void mp_hal_delay_us(mp_uint_t us)
{
    now_ns += us * 1000u;
    mp_handle_pending(true);
}

void mp_hal_delay_ms(mp_uint_t ms)
{
    mp_hal_delay_us(ms * 1000u);
}
