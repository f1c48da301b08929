#include <stdint.h>

int __real_main(int argc, char **argv);
int __wrap_main(int argc, char **argv);

// Coprocessor Access Control Register: full access to CP10 and CP11, which are the FPU.
#define CPACR (*(volatile uint32_t *)0xE000ED88)
#define CPACR_FPU_FULL_ACCESS (0xFu << 20)

int __wrap_main(int argc, char **argv)
{
    CPACR |= CPACR_FPU_FULL_ACCESS;
    __asm volatile("dsb\nisb" ::: "memory");
    return __real_main(argc, argv);
}
