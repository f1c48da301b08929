# Cortex-M3: no FPU, the instruction set of many small sensor chips.
include boards/MPS2_AN385/mpconfigboard.mk
include $(BOARD_DIR)/../qemu_overlay/overlay.mk
include $(BOARD_DIR)/../qemu_overlay/arm.mk
