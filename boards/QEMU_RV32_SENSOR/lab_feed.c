// What an ESP32's task does (firmware/cmodules/vib/feed_esp32.c), in an interrupt of the machine's timer: the chip is read
// into a ring while MicroPython does whatever it does.
#include <stdlib.h>

#include "lab_chip.h"
#include "lab_clock.h"
#include "py/runtime.h"
#include "vib_feed.h"

enum {
    RING_BYTES = 32768,
    MTIE = 1 << 7, // of mie: the machine's timer may interrupt
    MIE = 1 << 3, // of mstatus
    TIMER = 7, // of mcause
    INSTRUCTIONS_A_TICK = 100, // of the machine's timer, in QEMU under -icount shift=0
    TASK_NS = 10000 // an interrupt that wakes a task, and the switches to it and back: a guess
};

#define MTIME ((volatile uint32_t *)0x0200bff8)
#define MTIMECMP ((volatile uint32_t *)0x02004000)

struct vib_feed {
    vib_fifo_t fifo;
    vib_ring_t ring;
    bool is_on;
    uint32_t wakes;
};

static bool is_allowed;
static struct vib_feed the_feed;
static uint32_t ring_memory[RING_BYTES / 4];

// Whether the firmware is one that can do this: allow_feed(yes).
static mp_obj_t lab_allow_feed(mp_obj_t yes)
{
    is_allowed = mp_obj_is_true(yes);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(lab_allow_feed_obj, lab_allow_feed);

bool lab_feed_is_on(void)
{
    return the_feed.is_on;
}

static void interrupt_at(uint64_t ticks)
{
    MTIMECMP[1] = UINT32_MAX; // no moment in between is early
    MTIMECMP[0] = (uint32_t)ticks;
    MTIMECMP[1] = (uint32_t)(ticks >> 32);
}

static uint64_t ticks_now(void)
{
    uint32_t high, low;
    do {
        high = MTIME[1];
        low = MTIME[0];
    } while (high != MTIME[1]);
    return (uint64_t)high << 32 | low;
}

static bool has_room(void)
{
    return vib_ring_held(&the_feed.ring) < the_feed.ring.bursts && the_feed.ring.status == VIB_FIFO_OK;
}

void lab_feed_arm(void)
{
    if (!the_feed.is_on) {
        return;
    }
    lab_begin_apart();
    uint64_t due = has_room() ? lab_chip_due_ns() : UINT64_MAX;
    if (due == UINT64_MAX) {
        interrupt_at(UINT64_MAX);
    } else {
        uint64_t now = lab_clock_ns();
        uint64_t instructions = due > now ? (due - now) * 1000u / (lab_clock_ps() ? lab_clock_ps() : 1u) : 0;
        interrupt_at(ticks_now() + instructions / INSTRUCTIONS_A_TICK);
    }
    lab_end_apart();
}

static void serve(void)
{
    if (lab_chip_due_ns() <= lab_clock_ns() && has_room()) {
        if (lab_clock_is_paced()) {
            lab_clock_advance_ns(TASK_NS);
        }
        the_feed.wakes++;
        vib_ring_fill(&the_feed.ring, &the_feed.fifo, vib_feed_now_ms());
    }
    lab_feed_arm();
}

__attribute__((interrupt("machine"), aligned(4))) static void trap(void)
{
    uint32_t cause, place;
    __asm__ volatile("csrr %0, mcause\n csrr %1, mepc" : "=r"(cause), "=r"(place));
    if (cause == (0x80000000u | TIMER)) {
        serve();
        return;
    }
    mp_printf(&mp_plat_print, "trap: mcause %x, mepc %x\n", (unsigned)cause, (unsigned)place);
    exit(3);
}

vib_feed_t *vib_feed_start(const vib_fifo_plan_t *plan, const vib_feed_bus_t *bus, size_t frames, uint32_t bursts,
                           uint32_t burst_us)
{
    size_t bytes = frames * plan->frame_bytes;
    (void)bus, (void)burst_us; // there is one chip, and it interrupts
    if (!is_allowed || lab_chip() == NULL || vib_ring_size(bytes, bursts) > sizeof ring_memory) {
        return NULL;
    }
    the_feed.fifo = (vib_fifo_t){ .plan = *plan, .read = lab_chip_read, .bus = lab_chip() };
    vib_fifo_begin(&the_feed.fifo);
    vib_ring_init(&the_feed.ring, ring_memory, bytes, bursts);
    the_feed.is_on = true;
    lab_feed_arm();
    __asm__ volatile("csrw mtvec, %0\n csrs mie, %1\n csrs mstatus, %2" : : "r"(trap), "r"(MTIE), "r"(MIE) : "memory");
    return &the_feed;
}

vib_ring_t *vib_feed_ring(vib_feed_t *feed)
{
    return &feed->ring;
}

void vib_feed_has_room(vib_feed_t *feed)
{
    (void)feed;
    lab_feed_arm();
}

uint32_t vib_feed_now_ms(void)
{
    return (uint32_t)(lab_clock_ns() / 1000000u);
}

void vib_feed_stop(vib_feed_t *feed)
{
    __asm__ volatile("csrc mie, %0" : : "r"(MTIE) : "memory");
    feed->is_on = false;
}
