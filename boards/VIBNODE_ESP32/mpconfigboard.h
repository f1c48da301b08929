#define MICROPY_HW_BOARD_NAME "Vibnode on ESP32-DevKitC"
#define MICROPY_HW_MCU_NAME "ESP32"
#define MICROPY_PY_NETWORK_HOSTNAME_DEFAULT "vibnode"

#define MICROPY_PY_BLUETOOTH (0)

// Files in the partition romfs run, and are read, in place.
#define MICROPY_VFS_ROM (1)

// As pins.csv has them.
#define MICROPY_HW_SPI1_SCK (18)
#define MICROPY_HW_SPI1_MOSI (23)
#define MICROPY_HW_SPI1_MISO (19)
#define MICROPY_HW_I2C0_SCL (22)
#define MICROPY_HW_I2C0_SDA (21)
