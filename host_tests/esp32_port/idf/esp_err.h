// As much of ESP-IDF's interface (5.2) as firmware/cmodules/vib/feed_esp32.c uses, written from its documentation, so that
// it can be compiled and tried without ESP-IDF. None of it is ESP-IDF's source, and that it fits was not seen in a build.
#ifndef IDF_ESP_ERR_H
#define IDF_ESP_ERR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef int esp_err_t;
#define ESP_OK 0
#define ESP_FAIL -1
#define ESP_ERR_NO_MEM 0x101
#define ESP_ERR_TIMEOUT 0x107
#endif
