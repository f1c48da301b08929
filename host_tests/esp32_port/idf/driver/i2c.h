#ifndef IDF_I2C_H
#define IDF_I2C_H
#include "esp_err.h"
#include "freertos/FreeRTOS.h"
typedef int i2c_port_t;
esp_err_t i2c_master_write_read_device(i2c_port_t number, uint8_t address, const uint8_t *written, size_t n_written,
                                       uint8_t *read, size_t n_read, TickType_t wait);
#endif
