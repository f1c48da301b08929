#include "semihosting.h"

#if defined(__thumb__)

int32_t semihosting_call(int32_t operation, const void *argument)
{
    register int32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

#elif defined(__riscv)

// QEMU knows the call by these three instructions, uncompressed and on one page.
int32_t semihosting_call(int32_t operation, const void *argument)
{
    register int32_t a0 __asm("a0") = operation;
    register const void *a1 __asm("a1") = argument;
    __asm volatile(".option push\n"
                   ".option norvc\n"
                   ".balign 16\n"
                   "slli zero, zero, 0x1f\n"
                   "ebreak\n"
                   "srai zero, zero, 7\n"
                   ".option pop\n"
                   : "+r"(a0)
                   : "r"(a1)
                   : "memory");
    return a0;
}

#else
#error "No semihosting call for this architecture"
#endif
