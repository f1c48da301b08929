#include "stage.h"

#include <stdint.h>
#include <stdio.h>

#if defined(__x86_64__)

#include <valgrind/callgrind.h>

void counting_starts(void)
{
}

void stage(const char *name, void (*work)(void))
{
    CALLGRIND_ZERO_STATS;
    CALLGRIND_TOGGLE_COLLECT;
    work();
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS_AT(name);
}

#else

#if defined(__riscv)

/* Instructions retired: under QEMU's -icount shift=0 exactly that. */
static inline uint32_t count(void)
{
    uint32_t v;
    __asm volatile("csrr %0, minstret" : "=r"(v)::"memory");
    return v;
}

void counting_starts(void)
{
}

#elif defined(__arm__)

/* The MPS2 board's CMSDK timer 0, 25 MHz: a tick is 40 ns, and under QEMU's -icount shift=6 an instruction 64 ns. */
#define TIMER ((volatile uint32_t *)0x40000000)
enum {
    TIMER_CTRL,
    TIMER_VALUE,
    TIMER_RELOAD
};

/* Instructions since counting_starts: 1.6 ticks each, so that rounding up finds the whole number again. */
static inline uint32_t count(void)
{
    uint32_t ticks = 0xffffffffu - TIMER[TIMER_VALUE];
    return (uint32_t)(((uint64_t)ticks * 10 + 15) / 16);
}

void counting_starts(void)
{
    TIMER[TIMER_RELOAD] = 0xffffffffu;
    TIMER[TIMER_VALUE] = 0xffffffffu;
    TIMER[TIMER_CTRL] = 1;
}

#endif

void stage(const char *name, void (*work)(void))
{
    uint32_t before = count();
    work();
    printf("%s %lu\n", name, (unsigned long)(count() - before));
}

#endif
