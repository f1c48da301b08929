#define MICROPY_HW_BOARD_NAME "Vibnode on ESP32-S3-DevKitC-1"
#define MICROPY_HW_MCU_NAME "ESP32S3"
#define MICROPY_PY_NETWORK_HOSTNAME_DEFAULT "vibnode"

#define MICROPY_PY_BLUETOOTH (0)

// Files in the partition romfs run, and are read, in place.
#define MICROPY_VFS_ROM (1)

// The prompt on the UART too, for modules with a USB converter instead of the chip's own USB.
#define MICROPY_HW_ENABLE_UART_REPL (1)

// As pins.csv has them.
#define MICROPY_HW_SPI1_SCK (12)
#define MICROPY_HW_SPI1_MOSI (11)
#define MICROPY_HW_SPI1_MISO (13)
#define MICROPY_HW_I2C0_SCL (9)
#define MICROPY_HW_I2C0_SDA (8)
