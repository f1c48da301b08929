/* What the Xtensa compiler and assembler are told of the core. xtensa.py adds QEMU's and binutils' headers. */
#include "ansidecl.h"
#include "core-isa.h"

/* Calls turn the register window; 0 and 1 are the two conventions' numbers. */
#define XTHAL_ABI_WINDOWED 0
#define XTHAL_ABI_CALL0 1
#define XSHAL_ABI XTHAL_ABI_WINDOWED
#define XSHAL_USE_ABSOLUTE_LITERALS 0
#define XSHAL_HAVE_TEXT_SECTION_LITERALS 1
#define XCHAL_HAVE_MMU 0

/* The ESP32 computes floats of single precision only; the steps of its division are not this core's. */
#undef XCHAL_HAVE_FP_DIV
#undef XCHAL_HAVE_FP_RECIP
#undef XCHAL_HAVE_FP_SQRT
#undef XCHAL_HAVE_FP_RSQRT
#undef XCHAL_HAVE_DFP
#undef XCHAL_HAVE_DFP_DIV
#undef XCHAL_HAVE_DFP_RECIP
#undef XCHAL_HAVE_DFP_SQRT
#undef XCHAL_HAVE_DFP_RSQRT
#define XCHAL_HAVE_FP_DIV 0
#define XCHAL_HAVE_FP_RECIP 0
#define XCHAL_HAVE_FP_SQRT 0
#define XCHAL_HAVE_FP_RSQRT 0

#define XTENSA_CONFIG_DEFINITION
#include "xtensa-dynconfig.h"
XTENSA_CONFIG_INSTANCE_LIST;

#include "xtensa-modules.c.inc"

const char xtensa_config_strings[] = "";
int plugin_is_GPL_compatible;
