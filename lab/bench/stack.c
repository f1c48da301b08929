#include "stack.h"

#if defined(__x86_64__)

void stack_of(const char *name, void (*work)(void))
{
    (void)name;
    (void)work;
}

#else

#include <stdint.h>
#include <stdio.h>

#define PAINT 0xa5a5a5a5u
#define PAINTED_WORDS 2048
#define OWN_WORDS 8 /* left to the painting functions themselves */

static inline volatile uint32_t *stack_pointer(void)
{
    uintptr_t sp;
#if defined(__riscv)
    __asm volatile("mv %0, sp" : "=r"(sp));
#else
    __asm volatile("mov %0, sp" : "=r"(sp));
#endif
    return (volatile uint32_t *)sp;
}

static __attribute__((noinline)) void paint(volatile uint32_t *sp)
{
    for (int i = OWN_WORDS + 1; i <= PAINTED_WORDS; i++) {
        sp[-i] = PAINT;
    }
}

static __attribute__((noinline)) unsigned long painted_over(volatile uint32_t *sp)
{
    int deepest = PAINTED_WORDS;
    while (deepest > OWN_WORDS && sp[-deepest] == PAINT) {
        deepest--;
    }
    return (unsigned long)deepest * 4;
}

void stack_of(const char *name, void (*work)(void))
{
    volatile uint32_t *sp = stack_pointer();
    paint(sp);
    work();
    printf("%s %lu\n", name, painted_over(sp));
}

#endif
