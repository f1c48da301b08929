#ifndef IDF_GPIO_H
#define IDF_GPIO_H
#include "esp_err.h"
typedef int gpio_num_t;
typedef enum {
    GPIO_INTR_DISABLE = 0,
    GPIO_INTR_POSEDGE = 1
} gpio_int_type_t;
typedef void (*gpio_isr_t)(void *);
esp_err_t gpio_set_level(gpio_num_t pin, uint32_t level);
esp_err_t gpio_set_intr_type(gpio_num_t pin, gpio_int_type_t type);
esp_err_t gpio_isr_handler_add(gpio_num_t pin, gpio_isr_t handler, void *args);
esp_err_t gpio_isr_handler_remove(gpio_num_t pin);
#endif
