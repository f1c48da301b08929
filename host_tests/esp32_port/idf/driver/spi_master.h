#ifndef IDF_SPI_MASTER_H
#define IDF_SPI_MASTER_H
#include "esp_err.h"
#include "freertos/FreeRTOS.h"
typedef enum {
    SPI1_HOST = 0,
    SPI2_HOST = 1,
    SPI3_HOST = 2
} spi_host_device_t;
#define SPI_TRANS_USE_RXDATA (1 << 2)
typedef struct spi_transaction_t {
    uint32_t flags;
    uint16_t cmd;
    uint64_t addr;
    size_t length;
    size_t rxlength;
    void *user;
    union {
        const void *tx_buffer;
        uint8_t tx_data[4];
    };
    union {
        void *rx_buffer;
        uint8_t rx_data[4];
    };
} spi_transaction_t;
typedef void (*transaction_cb_t)(spi_transaction_t *transaction);
typedef struct {
    uint8_t command_bits, address_bits, dummy_bits, mode;
    int clock_source;
    uint16_t duty_cycle_pos, cs_ena_pretrans;
    uint8_t cs_ena_posttrans;
    int clock_speed_hz, input_delay_ns, spics_io_num;
    uint32_t flags;
    int queue_size;
    transaction_cb_t pre_cb, post_cb;
} spi_device_interface_config_t;
typedef struct spi_device_t *spi_device_handle_t;
esp_err_t spi_bus_add_device(spi_host_device_t host, const spi_device_interface_config_t *config,
                             spi_device_handle_t *handle);
esp_err_t spi_bus_remove_device(spi_device_handle_t handle);
esp_err_t spi_device_transmit(spi_device_handle_t handle, spi_transaction_t *transaction);
esp_err_t spi_device_polling_transmit(spi_device_handle_t handle, spi_transaction_t *transaction);
esp_err_t spi_device_acquire_bus(spi_device_handle_t handle, TickType_t wait);
void spi_device_release_bus(spi_device_handle_t handle);
#endif
