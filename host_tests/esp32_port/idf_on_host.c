// ESP-IDF's tasks, pins and buses by this computer's threads, as far as feed_esp32.c asks for them; see idf/esp_err.h. Each
// misuse that the interface has a rule against ends the program.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "driver/gpio.h"
#include "driver/i2c.h"
#include "driver/spi_master.h"
#include "esp_heap_caps.h"
#include "esp_timer.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "idf_on_host.h"

#define REQUIRE(condition) \
    if (!(condition)) { \
        fprintf(stderr, "%s, line %d: %s\n", __FILE__, __LINE__, #condition); \
        abort(); \
    }

static void wait_until_told(pthread_cond_t *told, pthread_mutex_t *lock, TickType_t wait)
{
    struct timespec end;
    if (wait == portMAX_DELAY) {
        pthread_cond_wait(told, lock);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += (long)wait * portTICK_PERIOD_MS * 1000000L;
    end.tv_sec += end.tv_nsec / 1000000000L;
    end.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(told, lock, &end);
}

// ---- Tasks ----

struct tskTaskControlBlock {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t told;
    uint32_t notified;
    TaskFunction_t code;
    void *parameters;
};

static _Thread_local struct tskTaskControlBlock *here;
int idf_tasks;

static void *begin(void *task)
{
    here = task;
    here->code(here->parameters);
    abort(); // a task must not return
}

BaseType_t xTaskCreate(TaskFunction_t code, const char *name, uint32_t stack_bytes, void *parameters,
                       UBaseType_t priority, TaskHandle_t *created)
{
    struct tskTaskControlBlock *task = calloc(1, sizeof *task);
    REQUIRE(name && stack_bytes >= 2048 && priority > 1);
    pthread_mutex_init(&task->lock, NULL);
    pthread_cond_init(&task->told, NULL);
    task->code = code;
    task->parameters = parameters;
    *created = task;
    __atomic_add_fetch(&idf_tasks, 1, __ATOMIC_SEQ_CST);
    return pthread_create(&task->thread, NULL, begin, task) == 0 ? pdPASS : pdFALSE;
}

void vTaskDelete(TaskHandle_t task)
{
    REQUIRE(task == NULL); // itself
    pthread_detach(pthread_self());
    __atomic_sub_fetch(&idf_tasks, 1, __ATOMIC_SEQ_CST);
    pthread_exit(NULL); // its block is lost, as a task that is being told may still be looked at
}

uint32_t ulTaskNotifyTake(BaseType_t clears, TickType_t wait)
{
    uint32_t n;
    pthread_mutex_lock(&here->lock);
    if (here->notified == 0) {
        wait_until_told(&here->told, &here->lock, wait);
    }
    n = here->notified;
    here->notified = clears || n == 0 ? 0 : n - 1;
    pthread_mutex_unlock(&here->lock);
    return n;
}

BaseType_t xTaskNotifyGive(TaskHandle_t task)
{
    pthread_mutex_lock(&task->lock);
    task->notified++;
    pthread_cond_signal(&task->told);
    pthread_mutex_unlock(&task->lock);
    return pdPASS;
}

void vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t *wakes)
{
    xTaskNotifyGive(task);
    *wakes = pdTRUE;
}

struct QueueDefinition {
    pthread_mutex_t lock;
    pthread_cond_t told;
    int given;
};

SemaphoreHandle_t xSemaphoreCreateBinary(void)
{
    SemaphoreHandle_t semaphore = calloc(1, sizeof *semaphore);
    pthread_mutex_init(&semaphore->lock, NULL);
    pthread_cond_init(&semaphore->told, NULL);
    return semaphore;
}

BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t wait)
{
    BaseType_t taken;
    pthread_mutex_lock(&semaphore->lock);
    while (!semaphore->given && wait == portMAX_DELAY) {
        wait_until_told(&semaphore->told, &semaphore->lock, wait);
    }
    taken = semaphore->given ? pdTRUE : pdFALSE;
    semaphore->given = 0;
    pthread_mutex_unlock(&semaphore->lock);
    return taken;
}

BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore)
{
    pthread_mutex_lock(&semaphore->lock);
    semaphore->given = 1;
    pthread_cond_signal(&semaphore->told);
    pthread_mutex_unlock(&semaphore->lock);
    return pdTRUE;
}

void vSemaphoreDelete(SemaphoreHandle_t semaphore)
{
    pthread_mutex_lock(&semaphore->lock); // whoever gave it has let go
    pthread_mutex_unlock(&semaphore->lock);
    free(semaphore);
}

// ---- Memory and time ----

long idf_allocations;
int idf_memory_fails_at = -1; // of the allocations to come

static void *allocated(size_t size)
{
    if (idf_memory_fails_at >= 0 && idf_memory_fails_at-- == 0) {
        return NULL;
    }
    idf_allocations++;
    return calloc(1, size);
}

void *heap_caps_malloc(size_t size, uint32_t caps)
{
    REQUIRE(caps & MALLOC_CAP_INTERNAL);
    return allocated(size);
}

void *heap_caps_calloc(size_t n, size_t size, uint32_t caps)
{
    REQUIRE(caps & MALLOC_CAP_INTERNAL);
    return allocated(n * size);
}

void heap_caps_free(void *ptr)
{
    idf_allocations -= ptr != NULL;
    free(ptr);
}

int64_t esp_timer_get_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

// ---- Pins ----

static gpio_isr_t handler;
static void *handler_args;
static pthread_mutex_t pin_lock = PTHREAD_MUTEX_INITIALIZER; // no interrupt while it is taken away
static int selected;

esp_err_t gpio_set_level(gpio_num_t pin, uint32_t level)
{
    REQUIRE(pin == IDF_SELECT);
    selected = !level;
    return ESP_OK;
}

esp_err_t gpio_set_intr_type(gpio_num_t pin, gpio_int_type_t type)
{
    (void)type;
    REQUIRE(pin == IDF_INT1);
    return ESP_OK;
}

esp_err_t gpio_isr_handler_add(gpio_num_t pin, gpio_isr_t isr, void *args)
{
    REQUIRE(pin == IDF_INT1);
    pthread_mutex_lock(&pin_lock);
    handler_args = args;
    handler = isr;
    pthread_mutex_unlock(&pin_lock);
    return ESP_OK;
}

esp_err_t gpio_isr_handler_remove(gpio_num_t pin)
{
    REQUIRE(pin == IDF_INT1);
    pthread_mutex_lock(&pin_lock);
    handler = NULL;
    pthread_mutex_unlock(&pin_lock);
    return ESP_OK;
}

void idf_interrupt(void)
{
    pthread_mutex_lock(&pin_lock);
    if (handler) {
        handler(handler_args);
    }
    pthread_mutex_unlock(&pin_lock);
}

// ---- Buses ----

struct spi_device_t {
    pthread_mutex_t bus;
    int owned;
};

int idf_devices;

esp_err_t spi_bus_add_device(spi_host_device_t host, const spi_device_interface_config_t *config,
                             spi_device_handle_t *handle)
{
    REQUIRE(host == SPI2_HOST && config->command_bits == 8 && config->spics_io_num == -1 && config->queue_size > 0);
    REQUIRE(config->mode == 3 && config->clock_speed_hz == 10000000);
    *handle = calloc(1, sizeof **handle);
    pthread_mutex_init(&(*handle)->bus, NULL);
    idf_devices++;
    return ESP_OK;
}

esp_err_t spi_bus_remove_device(spi_device_handle_t handle)
{
    REQUIRE(!handle->owned);
    free(handle);
    idf_devices--;
    return ESP_OK;
}

esp_err_t spi_device_acquire_bus(spi_device_handle_t handle, TickType_t wait)
{
    REQUIRE(wait == portMAX_DELAY);
    pthread_mutex_lock(&handle->bus);
    handle->owned = 1;
    return ESP_OK;
}

void spi_device_release_bus(spi_device_handle_t handle)
{
    handle->owned = 0;
    pthread_mutex_unlock(&handle->bus);
}

esp_err_t spi_device_transmit(spi_device_handle_t handle, spi_transaction_t *transaction)
{
    int is_short = (transaction->flags & SPI_TRANS_USE_RXDATA) != 0;
    uint8_t *dest = is_short ? transaction->rx_data : transaction->rx_buffer;
    REQUIRE(handle->owned && selected && transaction->length % 8 == 0 && transaction->length > 0);
    REQUIRE(is_short ? transaction->length <= 32 : ((uintptr_t)dest & 3) == 0); // else it is copied, with an allocation
    REQUIRE(transaction->cmd & 0x80);
    return idf_read_chip((uint8_t)(transaction->cmd & 0x7f), dest, transaction->length / 8);
}

esp_err_t spi_device_polling_transmit(spi_device_handle_t handle, spi_transaction_t *transaction)
{
    return spi_device_transmit(handle, transaction);
}

esp_err_t i2c_master_write_read_device(i2c_port_t number, uint8_t address, const uint8_t *written, size_t n_written,
                                       uint8_t *read, size_t n_read, TickType_t wait)
{
    REQUIRE(number == 0 && address == IDF_ADDRESS && n_written == 1 && n_read > 0 && wait > 0);
    return idf_read_chip(*written, read, n_read);
}
