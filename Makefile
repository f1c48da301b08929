# Build, test and try out Vibnode. Everything that is built goes under build/.

PYTHON ?= python3
# A model package (a folder that vibtrain made) to link into the firmware; `make model` makes the default.
MODEL ?= $(DEFAULT_MODEL)
# The training configuration of the default model: a name or a .toml file.
CONFIG ?= adi-motor
DEFAULT_MODEL := build/models/default
ifneq ($(filter-out $(DEFAULT_MODEL),$(MODEL)),)
$(if $(wildcard $(MODEL)/model.c),,$(error MODEL=$(MODEL) has no model.c; name a model package, a folder that vibtrain made))
endif
# Executions of `make fuzz`.
RUNS ?= 10000000
# Seconds until `make demo` ends by itself; empty: at Ctrl-C.
FOR ?=
# The part whose tests `make test` runs; empty: all of them, those across the parts too.
PART ?=
PARTS := core firmware training dashboard tools
ifneq ($(filter-out $(PARTS),$(PART)),)
$(error PART=$(PART): no such part; accepted: $(PARTS))
endif

MICROPYTHON_DIR ?= $(CURDIR)/build/micropython
USER_C_MODULES := $(CURDIR)/firmware/cmodules
BIN := build/venv/bin
PROCESSORS := $(shell getconf _NPROCESSORS_ONLN)
# A make that was itself started with -j hands its own limit down.
JOBS = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(PROCESSORS))

C_SOURCES = $(filter-out build/%,$(shell find . -path ./build -prune -o -name '*.[ch]' -print))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-20s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: packages-demo firmware-unix ## Recordings in, alerts out, on this computer: FOR=90 ends after 90 s and says whether it worked
	@$(BIN)/python tools/demo.py --config $(CONFIG) --model $(MODEL) $(if $(FOR),--for $(FOR))

# What a part's tests need built and installed, and which files they are in: host_tests/test_WORD_*.py.
NEEDS_core := packages-fuzz venv
NEEDS_training := packages-build venv
NEEDS_firmware := packages-test firmware-unix
NEEDS_dashboard := packages-test firmware-unix
NEEDS_tools := packages-test firmware-unix firmware-qemu-m3 firmware-qemu-m4 firmware-qemu-rv32 firmware-qemu-sensor natmod-test
NEEDS_ := $(NEEDS_tools)
WORDS_firmware := firmware drivers
WORDS_tools := tool boards
# Tests of brokers, browsers and emulators wait for half of their time, so there are two for each processor.
TEST_WORKERS := $(shell expr 2 '*' $(PROCESSORS))
TESTS := $(if $(PART),$(foreach word,$(or $(WORDS_$(PART)),$(PART)),$(wildcard host_tests/test_$(word)_*.py)))

test: $(NEEDS_$(PART)) ## Install and build what the tests need, and run them: PART=core|firmware|training|dashboard|tools
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS) $(PYTEST_ARGS)

mutants: venv ## Change the code on purpose: does a test notice? FILE=outbox.py; AGAIN=1 last survivors; ACCEPT=1 the table
	@$(BIN)/python -m lab.mutants $(if $(FILE),--file $(FILE)) $(if $(AGAIN),--again) $(if $(ACCEPT),--accept)

bench: packages-bench venv firmware-unix firmware-qemu-sensor ## Count what a window costs, and compare with docs/BENCH.md: ACCEPT=1 rewrites its table
	@$(BIN)/python -m lab.bench $(if $(ACCEPT),--accept)

fuzz: packages-fuzz venv ## Try the core on arbitrary bytes, with sanitizers: RUNS executions in all
	@$(BIN)/python -m lab.fuzz --runs $(RUNS)

results: venv ## Measure what the built-in configurations are worth: rewrites docs/RESULTS.md and build/results.json
	@$(BIN)/python -m lab.results

soak: packages-test firmware-unix ## Send alerts through faults, none may be lost: ALERTS=10000 FAULTS=200 SEED=; writes build/soak.json
	@$(BIN)/python -m lab.soak $(if $(ALERTS),--alerts $(ALERTS)) $(if $(FAULTS),--faults $(FAULTS)) \
		$(if $(SEED),--seed $(SEED))

load: packages-test venv ## A fleet's storm, the limit of the ingest, fifty kills: LOAD_ARGS= its options; writes build/load.json
	@$(BIN)/python -m lab.load $(LOAD_ARGS)

screenshots: packages-test venv ## Make the pictures of docs/ from a new site's demonstration
	@$(BIN)/python tools/screenshots.py

lint: venv ## Check style, types, and which part imports which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(BIN)/clang-format --dry-run --Werror $(C_SOURCES)
	$(BIN)/mypy training dashboard tools lab host_tests
	$(BIN)/lint-imports --no-logo

# ---- The computer ----

packages: packages-demo ## Install the system packages of the demo (as root, or with sudo)

packages-%: python
	@$(PYTHON) tools/setup/packages.py $*

.PHONY: python
python:
	@$(PYTHON) tools/setup/check_python.py

# The extension `vib` is compiled at install time, so its C sources count too.
EXTENSION_SOURCES := $(wildcard training/vib/*.[ch] firmware/cmodules/vib/*.[ch] firmware/cmodules/vib/*.def)

venv: build/venv/installed ## Make the Python environment, build/venv
build/venv/installed: pyproject.toml requirements.lock $(EXTENSION_SOURCES) | packages-build
	@test -x $(BIN)/python || $(PYTHON) -m venv build/venv
	@echo 'Python environment: installing into build/venv (a few minutes the first time)'
	@CFLAGS='-Werror' $(BIN)/python -m pip install --quiet -c requirements.lock -e '.[train,readers,report,dashboard,dask,tools,dev]'
	@touch $@

# ---- Model ----

model: $(DEFAULT_MODEL) ## Train the default model: CONFIG=name; from the simulator where there are no recordings
.PHONY: $(DEFAULT_MODEL)
$(DEFAULT_MODEL): venv
	@$(BIN)/vibtrain fit --config $(CONFIG) --or-simulate --out $@

# ---- Firmware ----

micropython: packages-build ## Fetch MicroPython's source, unless MICROPYTHON_DIR names one
	@MICROPYTHON_DIR='$(if $(filter-out file,$(origin MICROPYTHON_DIR)),$(MICROPYTHON_DIR))' \
		$(PYTHON) tools/setup/micropython.py

# MicroPython's build prints hundreds of lines: they go to a log, of which a failure shows the end.
# $(call logged,LOG,COMMAND)
define logged
mkdir -p $(dir $(1)) && $(2) > $(1) 2>&1 || \
	{ grep -vE '^(CC|GEN|MPY|mkdir) ' $(1) | tail -n 40; echo 'error: failed, see $(1)'; exit 1; }
endef

MPY_CROSS := $(CURDIR)/build/mpy-cross/mpy-cross
$(MPY_CROSS): | micropython
	@echo "MicroPython's compiler"
	+@$(call logged,build/mpy-cross.log,$(MAKE) --no-print-directory $(JOBS) -C $(MICROPYTHON_DIR)/mpy-cross BUILD=$(@D))

.PHONY: frozen
frozen: venv
	@$(BIN)/python tools/setup/freeze.py

# $(call build_port,PORT,BOARD,how the port is told of the board's folder)
# MPY_LIB_DIR: the build insists on a folder with a README.md for micropython-lib, from which we freeze nothing.
# Frozen code knows names by numbers, and MicroPython's build does not make it anew when a C source brings new names.
define build_port
@echo 'Firmware $(2)$(if $(MODEL), with the model $(MODEL))'
@frozen=build/firmware/$(2)/frozen_content.c; \
	test -z "$$(test -e $$frozen && find firmware/cmodules boards -name '*.[ch]' -newer $$frozen)" || rm $$frozen
+@$(call logged,build/firmware/$(2).log,$(MAKE) --no-print-directory $(JOBS) -C $(MICROPYTHON_DIR)/ports/$(1) $(3) \
	BUILD=$(CURDIR)/build/firmware/$(2) USER_C_MODULES=$(USER_C_MODULES) \
	MICROPY_MPYCROSS=$(MPY_CROSS) MPY_LIB_DIR=$(CURDIR)/boards \
	VIB_MODEL_DIR=$(abspath $(MODEL)) EMLEARN_INCLUDE=$(if $(MODEL),$(EMLEARN_INCLUDE)))
endef
EMLEARN_INCLUDE = $(shell $(BIN)/python -c 'import emlearn; print(emlearn.includedir)')
QEMU_BOARD = BOARD=$(1) BOARD_DIR=$(CURDIR)/boards/$(1) FROZEN_MANIFEST=

firmware-unix: micropython frozen $(MODEL) $(MPY_CROSS) ## Build the virtual sensor: MODEL= names the package to link in; empty for none
	$(call build_port,unix,UNIX,VARIANT_DIR=$(CURDIR)/boards/UNIX \
		MICROPY_MANIFEST_VIBNODE_FIRMWARE=$(CURDIR)/firmware MICROPY_MANIFEST_VIBNODE_FROZEN=$(CURDIR)/build/frozen)

firmware-qemu-m3: packages-qemu micropython venv $(MODEL) $(MPY_CROSS) ## Build for an emulated Cortex-M3
	$(call build_port,qemu,QEMU_MPS2_AN385,$(call QEMU_BOARD,QEMU_MPS2_AN385))

firmware-qemu-m4: packages-qemu micropython venv $(MODEL) $(MPY_CROSS) ## Build for an emulated Cortex-M4F
	$(call build_port,qemu,QEMU_MPS2_AN386,$(call QEMU_BOARD,QEMU_MPS2_AN386))

firmware-qemu-rv32: packages-qemu micropython venv $(MODEL) $(MPY_CROSS) ## Build for an emulated RISC-V, RV32IMAC
	$(call build_port,qemu,QEMU_VIRT_RV32,$(call QEMU_BOARD,QEMU_VIRT_RV32))

firmware-qemu-sensor: packages-qemu micropython frozen $(MODEL) $(MPY_CROSS) ## Build what is counted: the application on an emulated RISC-V
	$(call build_port,qemu,QEMU_RV32_SENSOR,BOARD=QEMU_RV32_SENSOR BOARD_DIR=$(CURDIR)/boards/QEMU_RV32_SENSOR \
		MICROPY_MANIFEST_VIBNODE_FIRMWARE=$(CURDIR)/firmware MICROPY_MANIFEST_VIBNODE_FROZEN=$(CURDIR)/build/frozen)

# The ESP32 boards, by Espressif's tools: the model and emlearn's headers reach our CMake file through idf.py.
# MICROPY_LIB_DIR is CMake's name for what make calls MPY_LIB_DIR.
IDF_SETTINGS = -D MICROPY_LIB_DIR=$(CURDIR)/boards \
	$(if $(MODEL),-D VIB_MODEL_DIR=$(abspath $(MODEL)) -D EMLEARN_INCLUDE=$(EMLEARN_INCLUDE))
ESP32_BOARDS := $(notdir $(patsubst %/board.json,%,$(wildcard boards/*/board.json)))
firmware: $(if $(filter $(BOARD),$(ESP32_BOARDS)),esp-idf micropython frozen $(MODEL) $(MPY_CROSS)) ## Build for an ESP32 board, with ESP-IDF: BOARD=VIBNODE_ESP32C3
	$(if $(filter $(BOARD),$(ESP32_BOARDS)),,$(error BOARD=$(BOARD): name one of $(ESP32_BOARDS)))
	@echo 'Firmware $(BOARD)$(if $(MODEL), with the model $(MODEL))'
	@$(PYTHON) tools/setup/esp_idf.py $(MICROPYTHON_DIR)
	+@export IDFPY_FLAGS='$(IDF_SETTINGS)'; \
		$(call logged,build/firmware/$(BOARD).log,$(MAKE) --no-print-directory -C $(MICROPYTHON_DIR)/ports/esp32 \
		BOARD_DIR=$(CURDIR)/boards/$(BOARD) BUILD=$(CURDIR)/build/firmware/$(BOARD) \
		USER_C_MODULES=$(USER_C_MODULES)/vib/micropython.cmake MICROPY_MPYCROSS=$(MPY_CROSS))

.PHONY: esp-idf
esp-idf:
	@$(PYTHON) tools/setup/esp_idf.py

# ---- Native modules ----

natmod: micropython venv ## Build vib.mpy for a stock MicroPython: ARCH=rv32imc for one instruction set; empty for all
	@$(BIN)/python tools/natmod/build_modules.py --micropython $(MICROPYTHON_DIR) $(if $(ARCH),--arch $(ARCH))

xtensa: packages-xtensa ## Put a compiler for the ESP32's instruction set together from Debian's packages, for tests
	@$(PYTHON) tools/setup/xtensa.py

# A MicroPython with register windows, as the ESP32 has them, to run the native module in.
XTENSA_ROOT := $(CURDIR)/build/xtensa/root/usr
firmware-xtensa: private MODEL :=
firmware-xtensa: private USER_C_MODULES :=
firmware-xtensa: xtensa micropython $(MPY_CROSS) ## Build MicroPython for an emulated Xtensa, without our module
	$(call build_port,qemu,LINUX_XTENSA,$(call QEMU_BOARD,LINUX_XTENSA) \
		CROSS_COMPILE=$(XTENSA_ROOT)/bin/xtensa-lx106-elf- XTENSA_HEADERS=$(XTENSA_ROOT)/lib/xtensa-lx106-elf/include)

# All native modules, and what the tests run them in. Without a Debian archive there is no Xtensa compiler: those
# tests are then left out.
natmod-test:
	+@$(MAKE) --no-print-directory xtensa || echo 'note: the tests leave Xtensa out'
	+@test ! -e build/xtensa/ready.txt || $(MAKE) --no-print-directory firmware-xtensa
	+@$(MAKE) --no-print-directory natmod ARCH=

# ---- For stock MicroPython ----

mpy: natmod frozen $(MPY_CROSS) ## Put the application as .mpy files together for every instruction set
	@$(BIN)/python tools/release/mpy_sets.py --mpy-cross $(MPY_CROSS)

deploy: mpy ## Copy the application onto a board with a stock MicroPython: PORT=/dev/ttyACM0
	@$(BIN)/vibnode deploy $(if $(PORT),--port $(PORT))

dist: mpy $(MODEL) ## Make the folder that is released: build/dist
	@$(BIN)/python tools/release/make_dist.py --model $(MODEL)

clean: ## Remove all that was built; fetched sources too
	rm -rf build

.PHONY: help demo test mutants bench fuzz results soak load screenshots lint packages venv model micropython clean
.PHONY: natmod natmod-test xtensa firmware-xtensa
.PHONY: firmware mpy deploy dist
.PHONY: firmware-unix firmware-qemu-m3 firmware-qemu-m4 firmware-qemu-rv32 firmware-qemu-sensor
