/* A ring of bursts; see vib_fifo.h. Each side writes its own count alone, and after what the count speaks of. */
#include <string.h>

#include "vib_fifo.h"

/* What was written before is there before what is written after, for another task, interrupt or core. */
#define IN_THIS_ORDER() __sync_synchronize()

size_t vib_ring_size(size_t burst_bytes, uint32_t bursts)
{
    return (sizeof(vib_burst_t) + (burst_bytes + 3) / 4 * 4) * bursts;
}

void vib_ring_init(vib_ring_t *ring, void *memory, size_t burst_bytes, uint32_t bursts)
{
    ring->memory = memory;
    ring->burst_bytes = burst_bytes;
    ring->stride = vib_ring_size(burst_bytes, 1);
    ring->bursts = bursts;
    ring->put = ring->taken = 0;
    ring->status = VIB_FIFO_OK;
    ring->was_full = false;
}

/* Where burst number i stands: what is to be known of it, and behind that its samples. */
static uint8_t *place(const vib_ring_t *ring, uint32_t i)
{
    return ring->memory + (i % ring->bursts) * ring->stride;
}

/* Twice round, a count is 0 again: so none and all are told apart, and the place is right wherever it wraps. */
static uint32_t next(const vib_ring_t *ring, uint32_t i)
{
    return i + 1 == 2 * ring->bursts ? 0 : i + 1;
}

uint32_t vib_ring_held(const vib_ring_t *ring)
{
    uint32_t put = ring->put, taken = ring->taken;
    return put >= taken ? put - taken : put + 2 * ring->bursts - taken;
}

vib_fifo_status_t vib_ring_fill(vib_ring_t *ring, vib_fifo_t *fifo, uint32_t now_ms)
{
    bool got = true;
    while (got && ring->status == VIB_FIFO_OK) {
        if (vib_ring_held(ring) >= ring->bursts) {
            ring->was_full = true;
            IN_THIS_ORDER();
            if (vib_ring_held(ring) >= ring->bursts) { /* else one was taken meanwhile, and nobody will say so */
                return VIB_FIFO_OK;
            }
        }
        uint8_t *to = place(ring, ring->put);
        uint8_t *samples = to + sizeof(vib_burst_t);
        vib_fifo_status_t status = vib_fifo_burst(fifo, samples, ring->burst_bytes / fifo->plan.frame_bytes, &got);
        if (status != VIB_FIFO_OK) {
            ring->status = status;
        } else if (got) {
            vib_gap_t gap = !fifo->gap ? VIB_NO_GAP : ring->was_full ? VIB_GAP_OF_RING : VIB_GAP_OF_BUS;
            vib_burst_t burst = { now_ms, (uint16_t)fifo->left, (uint16_t)gap };
            memcpy(to, &burst, sizeof burst);
            IN_THIS_ORDER();
            ring->was_full = false;
            ring->put = next(ring, ring->put);
        }
    }
    return (vib_fifo_status_t)ring->status;
}

bool vib_ring_take(vib_ring_t *ring, uint8_t *samples, vib_burst_t *burst)
{
    if (vib_ring_held(ring) == 0) {
        return false;
    }
    IN_THIS_ORDER();
    const uint8_t *from = place(ring, ring->taken);
    memcpy(burst, from, sizeof *burst);
    memcpy(samples, from + sizeof *burst, ring->burst_bytes);
    IN_THIS_ORDER();
    ring->taken = next(ring, ring->taken);
    return true;
}
