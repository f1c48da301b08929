/* A chip's FIFO and the ring behind it (vib_fifo.h), with who makes, who reads and who takes in an order drawn by chance:
 * `ring_trial SEED`. Each frame has its number, so that whatever is lost shows; each loss has to be told, and nothing
 * else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vib_fifo.h"

enum {
    DEPTH = 32,
    FRAME = 7, /* a tag and the number */
    BURST = 8,
    BURSTS = 5,
    STEPS = 200000,
    TAG = 0x10
};

static const vib_fifo_plan_t plan = {
    .level_register = 0x3a,
    .level_bytes = 2,
    .level_mask = 0x3ff,
    .level_unit = 1,
    .most = DEPTH,
    .never = 0x400,
    .overrun = 0x800,
    .overrun_is_kept = 1,
    .data_register = 0x78,
    .tag_mask = 0xf8,
    .tag = TAG,
    .frames = DEPTH,
    .frame_bytes = FRAME,
};

typedef struct {
    uint32_t made, first; /* numbers of the next frame, and of the oldest that is held */
    uint32_t lost;
    int overran, dead;
} chip_t;

#define REQUIRE(condition) \
    if (!(condition)) { \
        fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
        exit(1); \
    }

static int read_chip(void *bus, uint8_t address, uint8_t *dest, size_t n)
{
    chip_t *chip = bus;
    if (chip->dead) {
        memset(dest, 0xff, n);
        return 0;
    }
    if (address == plan.level_register) {
        uint32_t said = (chip->made - chip->first) | (chip->overran ? 0x800u : 0);
        chip->overran = 0;
        dest[0] = (uint8_t)said;
        dest[1] = (uint8_t)(said >> 8);
        return 0;
    }
    for (size_t at = 0; at + FRAME <= n; at += FRAME) {
        memset(dest + at, 0, FRAME);
        dest[at] = TAG | (uint8_t)(chip->first & 7);
        memcpy(dest + at + 1, &chip->first, 4);
        chip->first++;
    }
    return 0;
}

static void make(chip_t *chip, uint32_t frames)
{
    chip->made += frames;
    if (chip->made - chip->first > DEPTH) {
        chip->lost += chip->made - chip->first - DEPTH;
        chip->first = chip->made - DEPTH;
        chip->overran = 1;
    }
}

/* What was taken, held against the numbers: frames that are missing before it have to have been told. */
static uint32_t check(const uint8_t *samples, const vib_burst_t *burst, uint32_t *next)
{
    uint32_t first = 0, missing;
    for (uint32_t i = 0; i < BURST; i++) {
        uint32_t number;
        memcpy(&number, samples + i * FRAME + 1, 4);
        first = i ? first : number;
        REQUIRE(number == first + i);
    }
    missing = first - *next;
    REQUIRE((missing != 0) == (burst->gap != VIB_NO_GAP));
    *next = first + BURST;
    return missing;
}

static void random_order(unsigned seed)
{
    static uint32_t memory[(BURSTS * (sizeof(vib_burst_t) + BURST * FRAME + 3)) / 4];
    chip_t chip = { 0 };
    vib_fifo_t fifo = { .plan = plan, .read = read_chip, .bus = &chip };
    vib_ring_t ring;
    uint8_t samples[BURST * FRAME];
    vib_burst_t burst;
    uint32_t next = 0, missing = 0, gaps[3] = { 0 };
    srand(seed);
    vib_fifo_begin(&fifo);
    REQUIRE(vib_ring_size(BURST * FRAME, BURSTS) <= sizeof memory);
    vib_ring_init(&ring, memory, BURST * FRAME, BURSTS);
    for (int step = 0; step < STEPS; step++) {
        switch (rand() % 8) {
        case 0:
        case 1:
        case 2:
            make(&chip, (uint32_t)(rand() % (step % 4000 < 3000 ? 9 : 30)));
            break;
        case 3:
        case 4:
            REQUIRE(vib_ring_fill(&ring, &fifo, (uint32_t)step) == VIB_FIFO_OK);
            break;
        default:
            if (vib_ring_take(&ring, samples, &burst)) {
                missing += check(samples, &burst, &next);
                gaps[burst.gap]++;
            }
        }
        REQUIRE(vib_ring_held(&ring) <= BURSTS);
    }
    while (vib_ring_fill(&ring, &fifo, 0) == VIB_FIFO_OK && vib_ring_take(&ring, samples, &burst)) {
        missing += check(samples, &burst, &next);
    }
    REQUIRE(missing == chip.lost);
    REQUIRE(gaps[VIB_GAP_OF_BUS] > 0 && gaps[VIB_GAP_OF_RING] > 0);
    chip.dead = 1;
    REQUIRE(vib_ring_fill(&ring, &fifo, 0) == VIB_FIFO_LEVEL);
    chip.dead = 0;
    make(&chip, BURST);
    REQUIRE(vib_ring_fill(&ring, &fifo, 0) == VIB_FIFO_LEVEL && !vib_ring_take(&ring, samples, &burst));
    printf("%lu frames lost in %lu gaps of the bus, %lu of the ring\n", (unsigned long)missing,
           (unsigned long)gaps[VIB_GAP_OF_BUS], (unsigned long)gaps[VIB_GAP_OF_RING]);
}

int main(int n, char **words)
{
    random_order(n > 1 ? (unsigned)atoi(words[1]) : 1);
    return 0;
}
