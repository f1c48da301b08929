// Start, end, and the terminal of a program that has no C library under it.
#include <stddef.h>
#include <stdlib.h>

#include "linux.h"
#include "uart.h"

int main(int argc, char **argv);

int32_t linux_call(int32_t number, intptr_t a, intptr_t b, intptr_t c)
{
    register int32_t result __asm("a2") = number;
    register intptr_t first __asm("a6") = a;
    register intptr_t second __asm("a3") = b;
    register intptr_t third __asm("a4") = c;
    __asm volatile("syscall" : "+r"(result) : "r"(first), "r"(second), "r"(third) : "memory");
    return result;
}

// Of a frame that makes a call4, only what lies under the callee's stack pointer is ever spilled: the outermost frame,
// which has no caller whose stack could be used, makes no other. A return address of 0 ends the chain.
__asm(".text\n"
      ".align 4\n"
      ".literal_position\n"
      ".global _start\n"
      "_start:\n"
      "    movi a0, 0\n"
      "    movi a4, run_and_exit\n"
      "    callx4 a4\n");

void run_and_exit(void) __attribute__((used));
void run_and_exit(void)
{
    exit(main(0, NULL));
}

void exit(int code)
{
    for (;;) {
        linux_call(LINUX_EXIT_GROUP, code, 0, 0);
    }
}

void abort(void)
{
    exit(134);
}

int uart_rx_chr(void)
{
    unsigned char c;
    return linux_call(LINUX_READ, 0, (intptr_t)&c, 1) == 1 ? c : UART_RX_NO_CHAR;
}

void uart_tx_strn(const char *text, size_t length)
{
    linux_call(LINUX_WRITE, 1, (intptr_t)text, (intptr_t)length);
}
