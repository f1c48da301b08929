#include "lab_chip.h"
#include "lab_clock.h"
#include "py/mphal.h"
#include "py/runtime.h"

enum {
    NS_A_MS = 1000000,
    MIE = 8 // of mstatus: interrupts are on
};

static uint64_t passed_ns; // but for what was executed
static uint64_t paced_from; // instructions
static uint32_t ps_an_instruction;

uint32_t lab_interrupts_off(void)
{
    uint32_t before;
    __asm__ volatile("csrrci %0, mstatus, %1" : "=r"(before) : "i"(MIE) : "memory");
    return before & MIE;
}

void lab_interrupts_as(uint32_t before)
{
    __asm__ volatile("csrs mstatus, %0" : : "r"(before) : "memory");
}

uint64_t lab_clock_ns(void)
{
    uint32_t before = lab_interrupts_off();
    uint64_t executed = ps_an_instruction ? lab_executed() - paced_from : 0;
    uint64_t ns = passed_ns + executed * ps_an_instruction / 1000u;
    lab_interrupts_as(before);
    return ns;
}

bool lab_clock_is_paced(void)
{
    return ps_an_instruction != 0;
}

uint32_t lab_clock_ps(void)
{
    return ps_an_instruction;
}

void lab_clock_pace(uint32_t ps)
{
    passed_ns = lab_clock_ns();
    paced_from = lab_executed();
    ps_an_instruction = ps;
}

void lab_clock_advance_ns(uint64_t ns)
{
    uint32_t before = lab_interrupts_off();
    passed_ns += ns;
    lab_interrupts_as(before);
    lab_feed_arm();
}

void lab_clock_samples_ns(uint64_t ns)
{
    if (!ps_an_instruction) {
        lab_clock_advance_ns(ns);
    }
}

// A wait ends on a tick of 1 ms, at the chip's interrupt, or when a burst was read in one.
static void wait_paced(int timeout_ms)
{
    if (lab_burst_came()) {
        return;
    }
    uint64_t now = lab_clock_ns(), due = lab_chip_tells_at_ns();
    uint64_t tick = (now / NS_A_MS + (timeout_ms < 0 ? 1u : (uint64_t)timeout_ms)) * NS_A_MS;
    uint64_t until = due > now && due < tick ? due : tick;
    if (until > now) {
        lab_clock_advance_ns(until - now);
    }
    lab_burst_came();
}

void lab_clock_wait(int timeout_ms)
{
    if (timeout_ms == 0) {
        return;
    }
    if (ps_an_instruction) {
        wait_paced(timeout_ms);
    } else if (!lab_burst_came()) {
        lab_clock_advance_ns(NS_A_MS);
    }
}

mp_uint_t mp_hal_ticks_us(void)
{
    return (mp_uint_t)(lab_clock_ns() / 1000u);
}

mp_uint_t mp_hal_ticks_ms(void)
{
    return (mp_uint_t)(lab_clock_ns() / NS_A_MS);
}

mp_uint_t mp_hal_ticks_cpu(void)
{
    return mp_hal_ticks_us();
}

uint64_t mp_hal_time_ns(void)
{
    return lab_clock_ns();
}

void mp_hal_delay_us(mp_uint_t us)
{
    lab_clock_advance_ns((uint64_t)us * 1000u);
    mp_handle_pending(true);
}

void mp_hal_delay_ms(mp_uint_t ms)
{
    mp_hal_delay_us(ms * 1000u);
}
