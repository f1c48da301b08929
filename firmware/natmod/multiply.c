/* The product that a compiler calls for on an Xtensa core without a high-half multiplication (the ESP32's has one). */
#include <stdint.h>

uint64_t __umulsidi3(uint32_t a, uint32_t b);

uint64_t __umulsidi3(uint32_t a, uint32_t b)
{
    uint32_t a0 = a & 0xffff, a1 = a >> 16, b0 = b & 0xffff, b1 = b >> 16;
    uint32_t low = a0 * b0;
    uint32_t cross = a1 * b0 + (low >> 16); /* at most 2^32 - 2^16 */
    uint32_t middle = a0 * b1 + (cross & 0xffff);
    uint32_t high = a1 * b1 + (cross >> 16) + (middle >> 16);
    return ((uint64_t)high << 32) | (middle << 16) | (low & 0xffff);
}
