// As ports/esp32/mpconfigport.h has them.
#include "mpconfig_overlay.h"

#undef MICROPY_PY_SELECT
#define MICROPY_PY_SELECT (1)
#undef MICROPY_PY_ASYNCIO
#define MICROPY_PY_ASYNCIO (1)
#define MICROPY_OPT_COMPUTED_GOTO (1)
#define MICROPY_PY_ALL_INPLACE_SPECIAL_METHODS (1)
#define MICROPY_PY_HASHLIB_SHA256 (1)
#define MICROPY_SCHEDULER_DEPTH (8)
#define MICROPY_PY_OS (1)
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS (1)
#define MICROPY_PY_TIME_INCLUDEFILE "time_calendar.c"
// As on a chip in use: no statistics of memory, and a wait that lets time pass.
#undef MICROPY_MEM_STATS
#define MICROPY_MEM_STATS (0)
#include "lab_clock.h"
#define MICROPY_INTERNAL_WFE(TIMEOUT_MS) lab_clock_wait(TIMEOUT_MS)
#define MICROPY_PY_OS_URANDOM (1)
#define MICROPY_PY_OS_INCLUDEFILE "os_random.c"
