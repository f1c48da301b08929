"""Writes vib_tables.c, the constant tables of the core: `python3 tables.py > vib_tables.c`."""

import math

QUARTER = 1024  # a quarter of the largest window


HALF_WIDTH, BETA, KERNEL_STEPS = 4, 4.5, 32  # of the interpolation's kernel


def bessel_i0(x: float) -> float:
    return sum((x / 2) ** (2 * k) / math.factorial(k) ** 2 for k in range(40))


def kernel(t: float) -> int:
    if t >= HALF_WIDTH:
        return 0
    sinc = math.sin(math.pi * t) / (math.pi * t) if t else 1.0
    window = bessel_i0(BETA * math.sqrt(1 - (t / HALF_WIDTH) ** 2)) / bessel_i0(BETA)
    return min(round(sinc * window * 32768), 32767)


def rows(values: list[int], width: int) -> str:
    lines = [values[i : i + width] for i in range(0, len(values), width)]
    return "\n".join("    " + " ".join(f"{v}," for v in line) for line in lines)


def main() -> None:
    sine = [min(round(math.sin(math.pi / 2 * i / QUARTER) * 2**31), 2**31 - 1) for i in range(QUARTER + 1)]
    log2 = [round(math.log2(1 + i / 64) * 65536) for i in range(65)]
    taps = [kernel(i / KERNEL_STEPS) for i in range(HALF_WIDTH * KERNEL_STEPS + 1)]
    print(
        f"""/* Made by tables.py; do not edit. */
#include "vib_math.h"

/* sin(pi/2 * i/{QUARTER}) in Q31 */
const int32_t vib_quarter_sine[{QUARTER + 1}] = {{
{rows(sine, 8)}
}};

/* log2(1 + i/64) in Q16 */
const int32_t vib_log2_table[65] = {{
{rows(log2, 8)}
}};

/* sinc(t) under Kaiser's window, t = i/{KERNEL_STEPS}, in Q15 */
const int16_t vib_kernel[{len(taps)}] = {{
{rows(taps, 12)}
}};"""
    )


if __name__ == "__main__":
    main()
