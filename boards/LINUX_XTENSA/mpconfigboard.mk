# Xtensa with register windows, as the ESP32 and ESP32-S3 have them: a Linux program for qemu-xtensa, since QEMU has no
# machine with such a core that MicroPython knows. It is there to run a native module, so it has no `vib` of its own.
# CROSS_COMPILE names the toolchain that tools/setup/xtensa.py puts together.
QEMU_ARCH = xtensa
QEMU_MACHINE = linux

# The C library's headers. Its code, and the compiler's own library, have the other calling convention: what is used
# of them stands here or in MicroPython's shared/libc. (Text compression needs a hosted compiler.)
PICOLIBC_SPECS = picolibc.specs
MICROPY_ROM_TEXT_COMPRESSION = 0
MICROPY_HEAP_SIZE = 1048576
CFLAGS += -ffreestanding -mlongcalls -mtext-section-literals -isystem $(XTENSA_HEADERS)
CFLAGS += -DMICROPY_HW_MCU_NAME='"Xtensa"'
LDFLAGS += -nostdlib
LDSCRIPT = $(BOARD_DIR)/linux.ld

OVERLAY_DIR := $(BOARD_DIR)/../qemu_overlay
CFLAGS += -I$(OVERLAY_DIR) -I$(BOARD_DIR) '-DMP_CONFIGFILE="mpconfig_linux.h"'
vpath %.c $(OVERLAY_DIR) $(BOARD_DIR)
vpath %.S $(BOARD_DIR)
SRC_C += host_file.c run_main.c linux.c linux_clock.c semihosting_linux.c
SRC_BOARD_O += setjmp.o shared/runtime/gchelper_generic.o
LDFLAGS += -Wl,--wrap=pyexec_friendly_repl
