"""Writes vib_tables.c, the constant tables of the core: `python3 tables.py > vib_tables.c`."""

import math

QUARTER = 1024  # a quarter of the largest window


def rows(values: list[int], width: int) -> str:
    lines = [values[i : i + width] for i in range(0, len(values), width)]
    return "\n".join("    " + " ".join(f"{v}," for v in line) for line in lines)


def main() -> None:
    sine = [min(round(math.sin(math.pi / 2 * i / QUARTER) * 2**31), 2**31 - 1) for i in range(QUARTER + 1)]
    log2 = [round(math.log2(1 + i / 64) * 65536) for i in range(65)]
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
}};"""
    )


if __name__ == "__main__":
    main()
