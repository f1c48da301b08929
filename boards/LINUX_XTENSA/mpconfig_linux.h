#include "mpconfig_overlay.h"

// Loads native code for the ESP32's instruction set.
#define MICROPY_EMIT_XTENSAWIN (1)

// MicroPython's own jump and register capture for Xtensa are for cores without windows.
#define MICROPY_NLR_SETJMP (1)
#define MICROPY_GCREGS_SETJMP (1)

// The compiler's library, which these need, has the other calling convention; `vib` has no floats.
#undef MICROPY_FLOAT_IMPL
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_NONE)

#undef MICROPY_PY_HASHLIB
#define MICROPY_PY_HASHLIB (0)
