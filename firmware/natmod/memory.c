/* What the C library would bring: a native module has none. */
#include "py/dynruntime.h"

void *memset(void *to, int value, size_t n)
{
    return mp_fun_table.memset_(to, value, n);
}

void *memmove(void *to, const void *from, size_t n)
{
    return mp_fun_table.memmove_(to, from, n);
}

void *memcpy(void *to, const void *from, size_t n)
{
    return mp_fun_table.memmove_(to, from, n);
}

size_t strlen(const char *text)
{
    size_t n = 0;
    while (text[n]) {
        n++;
    }
    return n;
}
