# The core and its binding as a user C module for MicroPython's make ports.
#
#   VIB_MODEL_DIR    a model package whose model.c is linked in; without it vib.linked_model() is None
#   EMLEARN_INCLUDE  the folder of emlearn's headers, which model.c includes; needed with VIB_MODEL_DIR

VIB_DIR := $(USERMOD_DIR)
VIB_CORE := $(sort $(wildcard $(VIB_DIR)/vib_*.c))

SRC_USERMOD_C += $(VIB_DIR)/modvib.c
SRC_USERMOD_LIB_C += $(VIB_CORE)
CFLAGS_USERMOD += -I$(VIB_DIR)

VIB_OBJECTS := $(patsubst $(VIB_DIR)/%.c,$(BUILD)/vib/%.o,$(VIB_DIR)/modvib.c $(VIB_CORE))

ifneq ($(VIB_MODEL_DIR),)
$(if $(wildcard $(VIB_MODEL_DIR)/model.c),,$(error VIB_MODEL_DIR: $(VIB_MODEL_DIR) has no model.c))
$(if $(wildcard $(EMLEARN_INCLUDE)/eml_trees.h),,$(error EMLEARN_INCLUDE: $(EMLEARN_INCLUDE) has no eml_trees.h))
vpath model.c $(VIB_MODEL_DIR)
SRC_USERMOD_LIB_C += model.c
VIB_OBJECTS += $(BUILD)/model.o
CFLAGS_USERMOD += -DVIB_LINKED_MODEL=1
endif

# Only for our own files. Against MicroPython's usual -Os, -O2 saves three tenths of the instructions for 2 kB of flash
# (docs/BENCH.md). Without contraction floats round the same on targets with and without fused multiply-add.
VIB_CFLAGS := -O2 -Wall -Wextra -Werror -std=c99 -ffp-contract=off
$(filter-out $(BUILD)/vib/modvib.o,$(VIB_OBJECTS)): CFLAGS += $(VIB_CFLAGS)
# emlearn's headers are taken as system headers, and its trees leave a parameter unused. Models made before a field of the configuration lack it.
$(BUILD)/model.o: CFLAGS += -Wno-unused-parameter -Wno-missing-field-initializers -isystem $(EMLEARN_INCLUDE)
# MicroPython's own headers are gnu99, and its function signatures leave parameters unused.
$(BUILD)/vib/modvib.o: CFLAGS += -Wall -Wextra -Wno-unused-parameter -Werror -ffp-contract=off

# make does not see a changed setting; this file's time stamp is when it last changed.
VIB_SETTINGS := $(BUILD)/vib/settings.txt
$(shell mkdir -p $(BUILD)/vib; echo 'model: $(VIB_MODEL_DIR)' | cmp -s - $(VIB_SETTINGS) || \
	echo 'model: $(VIB_MODEL_DIR)' > $(VIB_SETTINGS))
$(VIB_OBJECTS): $(VIB_SETTINGS) $(VIB_DIR)/micropython.mk
# Names are looked for anew when one of these changes; modvib.h and its parts hold most of ours.
QSTR_GLOBAL_DEPENDENCIES += $(VIB_SETTINGS) $(wildcard $(VIB_DIR)/mod*.h)
