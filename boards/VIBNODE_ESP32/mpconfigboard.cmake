set(SDKCONFIG_DEFAULTS boards/sdkconfig.base)
include(${MICROPY_BOARD_DIR}/../esp32_shared/shared.cmake)
