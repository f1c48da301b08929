// The clock of the counting board. It moves by samples that were read and by waits, not by what is executed; or, once it
// is paced, by what is executed and transferred, as a chip's does.
#ifndef VIB_LAB_CLOCK_H
#define VIB_LAB_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

uint64_t lab_clock_ns(void);
bool lab_clock_is_paced(void);

// An interrupt moves the clock too. lab_interrupts_as(what lab_interrupts_off() returned).
uint32_t lab_interrupts_off(void);
void lab_interrupts_as(uint32_t before);

// From now on each instruction takes so many ps; 0: none does.
void lab_clock_pace(uint32_t ps);
uint32_t lab_clock_ps(void);

void lab_clock_advance_ns(uint64_t ns); // something took so long
void lab_clock_samples_ns(uint64_t ns); // samples of so long were read: what the time passes by while it is not paced

// Have the next burst be there, if somebody waits for it and it is time.
bool lab_burst_came(void);

// Nothing is to be done for up to so long; < 0: until something comes.
void lab_clock_wait(int timeout_ms);

#endif
