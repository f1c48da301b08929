# RV32IMAC without FPU, the kind of core that the ESP32-C3 and C6 have.
include boards/VIRT_RV32/mpconfigboard.mk
include $(BOARD_DIR)/../qemu_overlay/overlay.mk

# gcc 12 knows no library for rv32imac_zicsr, the name that MicroPython gives the architecture; under the older
# ISA specification zicsr is a part of rv32imac. Take the name that this compiler can link.
RV32_CC = $(or $(CROSS_COMPILE),riscv64-unknown-elf-)gcc
RV32_LINKS := $(shell echo 'int main(void) { return 0; }' | $(RV32_CC) -march=rv32imac_zicsr -mabi=ilp32 \
	--specs=picolibc.specs -x c - -o /dev/null 2>/dev/null && echo yes)
RV32_ARCH := $(if $(RV32_LINKS),rv32imac_zicsr,rv32imac -misa-spec=2.2)
