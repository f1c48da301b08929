// The chip, for its bus, its pins and the interrupt in which it may be read.
#ifndef VIB_LAB_CHIP_H
#define VIB_LAB_CHIP_H

#include "lab.h"

typedef struct {
    mp_obj_base_t base;
    size_t at; // in the stream
    uint8_t *registers; // 128 of them; what is asked for is what stands here but for level, data and overrun
    uint8_t level_register, data_register, address_mask, level_unit, overrun_register, overrun_bits;
    size_t frame_bytes, burst_frames, fifo_frames;
    uint32_t ns_a_frame, transfer_ns, ns_a_byte;
    uint32_t held; // frames
    uint64_t begun_ns, taken, lost; // since it is paced; frames
    bool overran; // and nobody was told
    bool is_high; // the interrupt pin, and somebody was told
    uint8_t address;
    size_t index; // of the next byte, 0 the address
    mp_obj_t handler; // of the interrupt pin
    mp_obj_t int1;
} lab_spi_t;

// When a burst will be there; UINT64_MAX: not until somebody waits.
uint64_t lab_chip_due_ns(void);

// The same where an interrupt says so; else UINT64_MAX.
uint64_t lab_chip_tells_at_ns(void);

// Registers, as a vib_read_t. lab_chip(): the chip.
int lab_chip_read(void *spi, uint8_t address, uint8_t *dest, size_t n);
void *lab_chip(void);

// Have an interrupt come when a burst is due, if there is a feed.
void lab_feed_arm(void);
bool lab_feed_is_on(void);

#endif
