// What the parts of the module `lab` know of each other.
#ifndef VIB_LAB_H
#define VIB_LAB_H

#include <stdbool.h>
#include <stdint.h>

#include "py/obj.h"

// Instructions executed so far, but for those of what is not there on a sensor.
uint64_t lab_executed(void);

// What begins here and ends there is executed by nobody: the clock stands still, and nothing interrupts. They nest.
void lab_begin_apart(void);
void lab_end_apart(void);

// The FIFO's level was read: there a stretch ends.
void lab_looked(void);

extern const mp_obj_type_t lab_spi_type, lab_pin_type, lab_socket_type;
extern const mp_obj_base_t lab_flash;

MP_DECLARE_CONST_FUN_OBJ_1(lab_add_to_stream_obj);
MP_DECLARE_CONST_FUN_OBJ_1(lab_pace_obj);
MP_DECLARE_CONST_FUN_OBJ_1(lab_allow_feed_obj);

#endif
