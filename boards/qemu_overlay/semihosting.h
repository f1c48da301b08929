// Semihosting: the emulated program asks QEMU to do host I/O. The calls and their numbers are Arm's and RISC-V's
// common specification ("Semihosting for AArch32 and AArch64", and "RISC-V Semihosting").
// Not a part of MicroPython's tree for RISC-V, hence here for both.
#ifndef VIB_SEMIHOSTING_H
#define VIB_SEMIHOSTING_H

#include <stdint.h>

enum {
    SEMIHOSTING_OPEN = 0x01,
    SEMIHOSTING_CLOSE = 0x02,
    SEMIHOSTING_WRITE = 0x05,
    SEMIHOSTING_READ = 0x06,
    SEMIHOSTING_SEEK = 0x0a,
    SEMIHOSTING_FLEN = 0x0c,
    SEMIHOSTING_ERRNO = 0x13,
    SEMIHOSTING_EXIT_EXTENDED = 0x20,
    SEMIHOSTING_ELAPSED = 0x30,
    SEMIHOSTING_TICKFREQ = 0x31,
};

// One call; `argument` is the address of the call's argument block. Returns what the call returns.
int32_t semihosting_call(int32_t operation, const void *argument);

#endif
