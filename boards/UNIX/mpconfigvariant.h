// The feature level of an ESP32 build, plus what the unix port adds to every variant.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

#include "variants/mpconfigvariant_common.h"

// Ctrl-C is taken between two instructions, as on a chip; raised from the signal it would leave the heap locked, or a
// lock held, where it comes at the wrong moment.
#undef MICROPY_ASYNC_KBD_INTR
#define MICROPY_ASYNC_KBD_INTR (0)
