// Of MicroPython's ESP32 port.
#ifndef PORT_MPHALPORT_H
#define PORT_MPHALPORT_H
void mp_hal_wake_main_task(void);
#endif
