# Debian's compiler for the instruction set of an ESP32-C3; it brings no start-up code, so nothing is linked.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_C_COMPILER riscv64-unknown-elf-gcc)
set(CMAKE_C_FLAGS "-march=rv32imc -mabi=ilp32 --specs=picolibc.specs")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
