# Cortex-M4F: the same machine as MPS2_AN385 with an FPU, which MicroPython has no board for.
QEMU_ARCH = arm
QEMU_MACHINE = mps2-an386

CFLAGS += -mthumb -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard
CFLAGS += -DQEMU_SOC_MPS2 -DMICROPY_HW_MCU_NAME='"Cortex-M4F"'
LDSCRIPT = mcu/arm/mps2.ld
SRC_BOARD_O = shared/runtime/gchelper_native.o shared/runtime/gchelper_thumb2.o
MPY_CROSS_FLAGS += -march=armv7emsp

# The FPU is off at reset; switch it on before main.
vpath enable_fpu.c $(BOARD_DIR)
SRC_C += enable_fpu.c
LDFLAGS += -Wl,--wrap=main

include $(BOARD_DIR)/../qemu_overlay/overlay.mk
include $(BOARD_DIR)/../qemu_overlay/arm.mk
