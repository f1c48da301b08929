/* firmware/cmodules/vib/feed_esp32.c on threads of this computer (esp32_port/idf_on_host.c): a numbered chip is read by
 * the feed's own task, while this program, in the place of MicroPython, takes what comes. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp32_port/idf_on_host.h"
#include "mphalport.h"
#include "vib_feed.h"

enum {
    DEPTH = 512,
    FRAME = 7,
    BURST = 64,
    BURSTS = 4,
    TAG = 0x10,
    ROUNDS = 3000
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

#define REQUIRE(condition) \
    if (!(condition)) { \
        fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
        exit(1); \
    }

static pthread_mutex_t chip_lock = PTHREAD_MUTEX_INITIALIZER, woken_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static uint32_t made, first, lost;
static int overran, dead, wakes;

void mp_hal_wake_main_task(void)
{
    pthread_mutex_lock(&woken_lock);
    wakes++;
    pthread_cond_signal(&woken);
    pthread_mutex_unlock(&woken_lock);
}

static void wait_to_be_woken(void)
{
    pthread_mutex_lock(&woken_lock);
    while (wakes == 0) {
        pthread_cond_wait(&woken, &woken_lock);
    }
    wakes = 0;
    pthread_mutex_unlock(&woken_lock);
}

int idf_read_chip(uint8_t address, uint8_t *dest, size_t n)
{
    pthread_mutex_lock(&chip_lock);
    if (dead) {
        memset(dest, 0xff, n);
    } else if (address == plan.level_register) {
        uint32_t said = (made - first) | (overran ? 0x800u : 0);
        overran = 0;
        dest[0] = (uint8_t)said;
        dest[1] = (uint8_t)(said >> 8);
    } else {
        for (size_t at = 0; at + FRAME <= n; at += FRAME, first++) {
            memset(dest + at, 0, FRAME);
            dest[at] = TAG;
            memcpy(dest + at + 1, &first, 4);
        }
    }
    pthread_mutex_unlock(&chip_lock);
    return 0;
}

static void make(uint32_t frames)
{
    pthread_mutex_lock(&chip_lock);
    made += frames;
    if (made - first > DEPTH) {
        lost += made - first - DEPTH;
        first = made - DEPTH;
        overran = 1;
    }
    pthread_mutex_unlock(&chip_lock);
}

/* Take the bursts that are there, until frame number `until` was. Returns frames that were lost before them. */
static uint32_t take_until(vib_feed_t *feed, uint32_t *next, uint32_t until)
{
    uint8_t samples[BURST * FRAME];
    vib_burst_t burst;
    uint32_t missing = 0;
    while (*next < until) {
        int was_full = vib_ring_held(vib_feed_ring(feed)) >= BURSTS;
        if (!vib_ring_take(vib_feed_ring(feed), samples, &burst)) {
            wait_to_be_woken();
            continue;
        }
        if (was_full) {
            vib_feed_has_room(feed);
        }
        uint32_t number;
        memcpy(&number, samples + 1, 4);
        REQUIRE((number != *next) == (burst.gap != VIB_NO_GAP));
        missing += number - *next;
        *next = number + BURST;
    }
    return missing;
}

static void try_bus(int is_spi)
{
    vib_feed_bus_t bus = { .is_spi = is_spi,
                           .number = (uint8_t)is_spi,
                           .select = is_spi ? IDF_SELECT : IDF_ADDRESS,
                           .int1 = IDF_INT1,
                           .hz = is_spi ? 10000000 : 400000,
                           .mode = 3 };
    uint32_t next = 0, missing = 0;
    made = first = lost = 0;
    overran = dead = wakes = 0;
    vib_feed_t *feed = vib_feed_start(&plan, &bus, BURST, BURSTS, 10000);
    REQUIRE(feed && idf_tasks == 1 && idf_devices == is_spi);
    for (int i = 0; i < ROUNDS; i++) { /* read in time: nothing is lost */
        make(BURST);
        idf_interrupt();
        missing += take_until(feed, &next, made);
    }
    REQUIRE(missing == 0 && lost == 0);
    for (int i = 0; i < 40; i++) { /* nobody takes: the ring is full, and then the chip */
        make(BURST);
        idf_interrupt();
    }
    make(DEPTH); /* whatever the task has read by now, the chip overflows */
    missing += take_until(feed, &next, made - BURST);
    REQUIRE(missing == lost && missing > 0);
    dead = 1;
    wakes = 0;
    idf_interrupt();
    while (vib_feed_ring(feed)->status == VIB_FIFO_OK) {
        wait_to_be_woken();
    }
    REQUIRE(vib_feed_ring(feed)->status == VIB_FIFO_LEVEL);
    vib_feed_stop(feed);
    REQUIRE(idf_devices == 0 && idf_allocations == 0);
    idf_interrupt(); /* comes to nobody */
}

int main(void)
{
    try_bus(1);
    try_bus(0);
    for (int i = 0; i < 2; i++) { /* what was taken is given back where there is not enough */
        vib_feed_bus_t bus = { .is_spi = 0, .select = IDF_ADDRESS, .int1 = -1 };
        idf_memory_fails_at = i;
        REQUIRE(vib_feed_start(&plan, &bus, BURST, BURSTS, 10000) == NULL && idf_allocations == 0);
    }
    puts("fed");
    return 0;
}
