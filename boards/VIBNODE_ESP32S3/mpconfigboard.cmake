set(IDF_TARGET esp32s3)

set(SDKCONFIG_DEFAULTS
    boards/sdkconfig.base
    boards/sdkconfig.usb
    boards/sdkconfig.spiram_sx
)
include(${MICROPY_BOARD_DIR}/../esp32_shared/shared.cmake)
