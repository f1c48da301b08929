// What a trial has to do with ESP-IDF as idf_on_host.c has it.
#ifndef IDF_ON_HOST_H
#define IDF_ON_HOST_H

#include <stddef.h>
#include <stdint.h>

enum {
    IDF_SELECT = 10,
    IDF_INT1 = 4,
    IDF_ADDRESS = 0x6a
};

extern int idf_tasks, idf_devices, idf_memory_fails_at;
extern long idf_allocations;

void idf_interrupt(void); // the pin has risen

// The trial's chip. Returns an esp_err_t.
int idf_read_chip(uint8_t address, uint8_t *dest, size_t n);

#endif
