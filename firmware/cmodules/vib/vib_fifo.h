/*
 * The FIFO of an accelerometer: how many frames it holds, whether some were lost, and a burst of them; and a ring of
 * bursts between whoever reads the chip and whoever works on the samples.
 *
 * As the core, this allocates nothing, keeps no state outside of what the caller hands it and knows no bus: it is given
 * a function that reads registers. What is particular about a chip is a table of numbers, from its data sheet.
 */
#ifndef VIB_FIFO_H
#define VIB_FIFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    VIB_FIFO_OK = 0,
    VIB_FIFO_BUS = -1,   /* the bus says that nothing answers */
    VIB_FIFO_LEVEL = -2, /* the FIFO's status is none of a living chip: on SPI that is how a missing one shows */
    VIB_FIFO_TAG = -3,   /* what was read is no frame of the accelerometer's */
} vib_fifo_status_t;

/* A chip's FIFO. `said` is its status: one or two bytes, the first one low. */
#define VIB_FIFO_PLAN(FIELD) \
    FIELD(level_register) \
    FIELD(level_bytes) \
    FIELD(level_mask)       /* the bits of `said` that are the level */ \
    FIELD(level_unit)       /* of the level, for each frame */ \
    FIELD(most)             /* frames that a living chip says at most */ \
    FIELD(never)            /* bits that a living chip never sets */ \
    FIELD(empty)            /* bits that it sets with a level of 0 only; 0: none */ \
    FIELD(overrun)          /* bits that say that frames were lost; 0: none */ \
    FIELD(overrun_is_full)  /* 1: with them the FIFO is full, whatever the level says */ \
    FIELD(overrun_is_kept)  /* 1: they are about the time since the status was read last */ \
    FIELD(overrun_register) /* asked for where the FIFO is full; 0: none */ \
    FIELD(overrun_bits)     /* of that register */ \
    FIELD(lost_level)       /* frames from which on some count as lost; 0: none */ \
    FIELD(data_register) \
    FIELD(one_a_read)       /* 1: each read gives one frame, else one gives as many as are asked for */ \
    FIELD(tag_mask)         /* of a frame's first byte; 0: it has no tag */ \
    FIELD(tag) \
    FIELD(frames)           /* that it holds */ \
    FIELD(frame_bytes)

typedef struct {
#define FIELD(name) uint16_t name;
    VIB_FIFO_PLAN(FIELD)
#undef FIELD
} vib_fifo_plan_t;

/* Read n bytes from a register on. Returns 0, or anything else where nothing answers. */
typedef int (*vib_read_t)(void *bus, uint8_t address, uint8_t *dest, size_t n);

typedef struct {
    vib_fifo_plan_t plan;
    vib_read_t read;
    void *bus;
    uint32_t left; /* frames that were there after the last burst */
    uint16_t said; /* the last status */
    uint8_t tag;   /* that was no frame's */
    bool lost;     /* frames, since the last burst */
    bool gap;      /* they were lost right before the last burst */
} vib_fifo_t;

/* Forget what was lost: the chip begins anew. */
void vib_fifo_begin(vib_fifo_t *fifo);

/* *level: frames that are there. */
vib_fifo_status_t vib_fifo_level(vib_fifo_t *fifo, uint32_t *level);

/* The oldest `frames`, which have to be there. */
vib_fifo_status_t vib_fifo_fetch(vib_fifo_t *fifo, uint8_t *dest, size_t frames);

/* A burst of `frames`, if there are so many: *got. */
vib_fifo_status_t vib_fifo_burst(vib_fifo_t *fifo, uint8_t *dest, size_t frames, bool *got);

/* --- A ring of bursts, for one who puts and one who takes, which may interrupt each other anywhere ---------------- */

typedef enum {
    VIB_NO_GAP = 0,
    VIB_GAP_OF_BUS = 1,  /* the chip was not read in time although there was room */
    VIB_GAP_OF_RING = 2, /* nobody took what was there */
} vib_gap_t;

typedef struct {
    uint32_t at_ms; /* when it was read */
    uint16_t left;  /* frames that the chip held then */
    uint16_t gap;   /* a vib_gap_t: frames were lost right before it */
} vib_burst_t;

typedef struct {
    uint8_t *memory;
    size_t burst_bytes; /* of samples */
    size_t stride;
    uint32_t bursts; /* that there is room for */
    volatile uint32_t put, taken; /* counted, twice round the ring */
    volatile int32_t status; /* the vib_fifo_status_t that ended the filling */
    volatile bool was_full; /* since the last burst was put */
} vib_ring_t;

/* Bytes of memory for so many bursts of so many bytes. */
size_t vib_ring_size(size_t burst_bytes, uint32_t bursts);

/* `memory`: 4-byte aligned, vib_ring_size() bytes, kept by the caller. Samples in it are 4-byte aligned too. */
void vib_ring_init(vib_ring_t *ring, void *memory, size_t burst_bytes, uint32_t bursts);

/* Whoever reads the chip: take what it has, as long as there is room. A burst that finds none is left in the chip: come
 * again when one was taken. Returns what ring->status is then, too; nothing is to be expected after an error. */
vib_fifo_status_t vib_ring_fill(vib_ring_t *ring, vib_fifo_t *fifo, uint32_t now_ms);

/* Whoever works on the samples. */
uint32_t vib_ring_held(const vib_ring_t *ring);
bool vib_ring_take(vib_ring_t *ring, uint8_t *samples, vib_burst_t *burst);

#endif
