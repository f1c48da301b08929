// The clock of the counting board: it moves by samples that were read and by waits, not by what is executed.
#ifndef VIB_LAB_CLOCK_H
#define VIB_LAB_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

void lab_clock_advance_us(uint64_t us);
void lab_clock_samples_ns(uint64_t ns); // samples of so long were read

// Have the next burst be there, if somebody waits for its interrupt; its samples are what the time passes by.
bool lab_burst_came(void);

// Nothing is to be done for up to so long; < 0: until something comes.
void lab_clock_wait(int timeout_ms);

#endif
