/*
 * vib_feed.h by ESP-IDF: a task of a higher priority than MicroPython's, woken by the chip's interrupt pin, reads bursts
 * by the SPI or I2C driver into a ring in ESP-IDF's own heap. So the chip is read while Python collects, computes, or
 * shakes hands with a broker. While flash is erased or written no task runs, this one neither.
 *
 * The SPI has been opened by machine.SPI: a second device is added to the same bus, and each read owns the bus from its
 * chip select to the next. machine.I2C's driver has a lock of its own.
 */
#include <string.h>

#include "driver/gpio.h"
#include "driver/i2c.h"
#include "driver/spi_master.h"
#include "esp_heap_caps.h"
#include "esp_task.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include "mphalport.h"
#include "vib_feed.h"

enum {
    STACK_BYTES = 3072,
    PRIORITY = ESP_TASK_PRIO_MIN + 5, /* MicroPython's is 1 over the least, the network's from 18 on */
    SPI_READ = 0x80, /* the highest bit of an address, on every chip here */
    SHORT_BYTES = 4, /* that the SPI driver takes in the transaction itself */
    POLLED_BYTES = 32, /* a transfer up to so long is over before another task would have had its turn */
    I2C_WAIT_MS = 50
};

struct vib_feed {
    vib_fifo_t fifo;
    vib_ring_t ring;
    vib_feed_bus_t bus;
    spi_device_handle_t spi; /* NULL: I2C */
    TaskHandle_t task;
    SemaphoreHandle_t ended;
    TickType_t wait; /* at most, for the pin */
    void *memory;
    volatile bool ends;
};

static int read_spi(void *context, uint8_t address, uint8_t *dest, size_t n)
{
    struct vib_feed *feed = context;
    spi_transaction_t transfer;
    memset(&transfer, 0, sizeof transfer);
    transfer.cmd = (uint16_t)(address | SPI_READ | (n > 1 ? feed->bus.burst_bit : 0));
    transfer.length = 8 * n;
    if (n <= SHORT_BYTES) {
        transfer.flags = SPI_TRANS_USE_RXDATA;
    } else {
        transfer.rx_buffer = dest;
    }
    if (spi_device_acquire_bus(feed->spi, portMAX_DELAY) != ESP_OK) {
        return -1;
    }
    gpio_set_level((gpio_num_t)feed->bus.select, 0);
    esp_err_t status = n <= POLLED_BYTES ? spi_device_polling_transmit(feed->spi, &transfer)
                                         : spi_device_transmit(feed->spi, &transfer);
    gpio_set_level((gpio_num_t)feed->bus.select, 1);
    spi_device_release_bus(feed->spi);
    if (n <= SHORT_BYTES) {
        memcpy(dest, transfer.rx_data, n);
    }
    return status == ESP_OK ? 0 : -1;
}

static int read_i2c(void *context, uint8_t address, uint8_t *dest, size_t n)
{
    struct vib_feed *feed = context;
    uint8_t place = (uint8_t)(address | (n > 1 ? feed->bus.burst_bit : 0));
    esp_err_t status = i2c_master_write_read_device((i2c_port_t)feed->bus.number, feed->bus.select, &place, 1, dest, n,
                                                    pdMS_TO_TICKS(I2C_WAIT_MS));
    return status == ESP_OK ? 0 : -1;
}

uint32_t vib_feed_now_ms(void)
{
    return (uint32_t)(esp_timer_get_time() / 1000);
}

static void on_pin(void *context)
{
    struct vib_feed *feed = context;
    BaseType_t wakes = pdFALSE;
    vTaskNotifyGiveFromISR(feed->task, &wakes);
    portYIELD_FROM_ISR(wakes);
}

static void run(void *context)
{
    struct vib_feed *feed = context;
    while (!feed->ends) {
        uint32_t put = feed->ring.put;
        vib_fifo_status_t status = vib_ring_fill(&feed->ring, &feed->fifo, vib_feed_now_ms());
        if (feed->ring.put != put || status != VIB_FIFO_OK) {
            mp_hal_wake_main_task();
        }
        ulTaskNotifyTake(pdTRUE, status == VIB_FIFO_OK ? feed->wait : portMAX_DELAY);
    }
    xSemaphoreGive(feed->ended); /* after this the feed is no more */
    vTaskDelete(NULL);
}

static bool open_bus(struct vib_feed *feed)
{
    if (!feed->bus.is_spi) {
        feed->fifo.read = read_i2c;
        return true;
    }
    spi_device_interface_config_t device;
    memset(&device, 0, sizeof device);
    device.command_bits = 8;
    device.mode = feed->bus.mode;
    device.clock_speed_hz = (int)feed->bus.hz;
    device.spics_io_num = -1; /* the pin stays machine.Pin's, which selects the chip while it is set up */
    device.queue_size = 1;
    feed->fifo.read = read_spi;
    return spi_bus_add_device((spi_host_device_t)feed->bus.number, &device, &feed->spi) == ESP_OK;
}

static void listen(struct vib_feed *feed, bool begins)
{
    gpio_num_t pin = (gpio_num_t)feed->bus.int1;
    if (feed->bus.int1 < 0) {
        return;
    }
    gpio_isr_handler_remove(pin);
    gpio_set_intr_type(pin, begins ? GPIO_INTR_POSEDGE : GPIO_INTR_DISABLE);
    if (begins) {
        gpio_isr_handler_add(pin, on_pin, feed);
    }
}

static void give_back(struct vib_feed *feed)
{
    if (feed->spi) {
        spi_bus_remove_device(feed->spi);
    }
    if (feed->ended) {
        vSemaphoreDelete(feed->ended);
    }
    heap_caps_free(feed->memory);
    heap_caps_free(feed);
}

vib_feed_t *vib_feed_start(const vib_fifo_plan_t *plan, const vib_feed_bus_t *bus, size_t frames, uint32_t bursts,
                           uint32_t burst_us)
{
    size_t bytes = frames * plan->frame_bytes;
    struct vib_feed *feed = heap_caps_calloc(1, sizeof *feed, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
    if (feed == NULL) {
        return NULL;
    }
    feed->bus = *bus;
    feed->fifo.plan = *plan;
    feed->fifo.bus = feed;
    vib_fifo_begin(&feed->fifo);
    /* A pin that was missed, or none: without one it is looked twice for each burst. */
    uint32_t wait_us = bus->int1 < 0 ? burst_us / 2 : 2 * burst_us;
    feed->wait = wait_us / (1000 * portTICK_PERIOD_MS) + 1;
    feed->memory = heap_caps_malloc(vib_ring_size(bytes, bursts), MALLOC_CAP_DMA | MALLOC_CAP_INTERNAL);
    feed->ended = xSemaphoreCreateBinary();
    if (feed->memory == NULL || feed->ended == NULL || !open_bus(feed)) {
        give_back(feed);
        return NULL;
    }
    vib_ring_init(&feed->ring, feed->memory, bytes, bursts);
    if (xTaskCreate(run, "vib", STACK_BYTES, feed, PRIORITY, &feed->task) != pdPASS) {
        give_back(feed);
        return NULL;
    }
    listen(feed, true);
    return feed;
}

vib_ring_t *vib_feed_ring(vib_feed_t *feed)
{
    return &feed->ring;
}

void vib_feed_has_room(vib_feed_t *feed)
{
    xTaskNotifyGive(feed->task);
}

void vib_feed_stop(vib_feed_t *feed)
{
    listen(feed, false);
    feed->ends = true;
    xTaskNotifyGive(feed->task);
    xSemaphoreTake(feed->ended, portMAX_DELAY);
    give_back(feed);
}
