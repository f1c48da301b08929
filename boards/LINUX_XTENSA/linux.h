// System calls of Linux on Xtensa.
#ifndef VIB_LINUX_H
#define VIB_LINUX_H

#include <stdint.h>

enum {
    LINUX_OPEN = 8,
    LINUX_CLOSE = 9,
    LINUX_READ = 12,
    LINUX_WRITE = 13,
    LINUX_LSEEK = 15,
    LINUX_EXIT_GROUP = 119,
    LINUX_CLOCK_GETTIME = 245,
};

// One call; a negative result is -errno.
int32_t linux_call(int32_t number, intptr_t a, intptr_t b, intptr_t c);

#endif
