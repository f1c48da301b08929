/* Features of several windows in lockstep, on processors whose vector instructions make that faster. */
#ifndef LANES_H
#define LANES_H

#include "vib.h"

typedef struct lanes lanes_t;

#define N_LANES 8 /* windows that go together */

/* False where this processor, or the compiler, has no such instructions; then call nothing else here. */
bool lanes_supported(void);
/* NULL: not enough memory, or a configuration by angle, whose windows may turn at different speeds. config is valid. */
lanes_t *lanes_new(const vib_config_t *config, uint32_t shaft_millihz);
/* Features of N_LANES windows that begin at samples, one hop apart, into one row for each: the same as vib_core_features'. */
void lanes_features(lanes_t *lanes, const int16_t *samples, int16_t *out);
void lanes_free(lanes_t *lanes);

#endif
