/*
 * What a port does that can read a FIFO outside of Python: in a task woken by the chip's interrupt, or in an interrupt.
 * Ports that can define VIB_FEED and have these functions; none of them, nor what they start, touches MicroPython's heap.
 */
#ifndef VIB_FEED_H
#define VIB_FEED_H

#include "vib_fifo.h"

typedef struct {
    bool is_spi;
    uint8_t number;   /* of the bus, as MicroPython's `machine` counts; it has been opened there */
    uint8_t select;   /* SPI: the pin; I2C: the address */
    int16_t int1;     /* the pin that rises when a burst is there; -1: none */
    uint32_t hz;      /* of the bus clock */
    uint8_t mode;     /* of SPI: 0 to 3 */
    uint8_t burst_bit; /* what the chip wants to see in the address of more than one byte */
} vib_feed_bus_t;

typedef struct vib_feed vib_feed_t;

/* Begin to read bursts of so many frames into a ring of so many, every burst_us. From now on until the end the bus's chip
 * is the feed's alone. NULL: there is no memory, or the port cannot. */
vib_feed_t *vib_feed_start(const vib_fifo_plan_t *plan, const vib_feed_bus_t *bus, size_t frames, uint32_t bursts,
                           uint32_t burst_us);

/* The ring of a feed, from which one may take. */
vib_ring_t *vib_feed_ring(vib_feed_t *feed);

/* A burst was taken from a ring that was full: there is room again. */
void vib_feed_has_room(vib_feed_t *feed);

/* Milliseconds of the clock that the bursts' at_ms are of. */
uint32_t vib_feed_now_ms(void);

/* End, and give back all that was taken. */
void vib_feed_stop(vib_feed_t *feed);

#endif
