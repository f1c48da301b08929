# What the tests need beyond MicroPython's stock QEMU port, with no edit to its tree: host files, a clock, and a
# program that is run at power-on. Included by the QEMU boards.
OVERLAY_DIR := $(BOARD_DIR)/../qemu_overlay
# A board may state more, in a file of its own that includes this one.
OVERLAY_CONFIG ?= mpconfig_overlay.h

CFLAGS += -I$(OVERLAY_DIR) '-DMP_CONFIGFILE="$(OVERLAY_CONFIG)"'
vpath %.c $(OVERLAY_DIR)
OVERLAY_CLOCK ?= host_clock.c
SRC_C += semihosting.c host_file.c $(OVERLAY_CLOCK) run_main.c

# run_main.c stands before the prompt.
LDFLAGS += -Wl,--wrap=pyexec_friendly_repl

# Bytes. Room for a test script and its windows; the RV32 linker script has 2 MB of RAM.
MICROPY_HEAP_SIZE ?= 1048576
