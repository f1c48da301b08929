# The RV32 board with what an ESP32-C3's firmware has and the stock QEMU port lacks: asyncio, a file system in littlefs,
# the interpreter's computed goto; and the module `lab` beside the core, which counts.
SENSOR_DIR := $(BOARD_DIR)
OVERLAY_CONFIG = mpconfig_sensor.h
OVERLAY_CLOCK = lab_clock.c
include $(BOARD_DIR)/../QEMU_VIRT_RV32/mpconfigboard.mk

CFLAGS += -I$(SENSOR_DIR)
vpath %.c $(SENSOR_DIR)
LDFLAGS += -Wl,--wrap=mp_obj_id
SRC_C += modlab.c lab_chip.c lab_pin.c lab_flash.c lab_socket.c lab_feed.c
CFLAGS += -DVIB_FEED=1 -I$(SENSOR_DIR)/../../firmware/cmodules/vib
SRC_C += shared/timeutils/timeutils.c
MICROPY_VFS_LFS2 = 1
FROZEN_MANIFEST ?= $(SENSOR_DIR)/manifest.py

MICROPY_HEAP_SIZE = 262144
