# The core and its binding as a user C module for MicroPython's CMake ports (ESP32, rp2); see micropython.mk.
#
#   VIB_MODEL_DIR    a model package whose model.c is linked in; without it vib.linked_model() is None
#   EMLEARN_INCLUDE  the folder of emlearn's headers, which model.c includes; needed with VIB_MODEL_DIR

if(CMAKE_VERSION VERSION_LESS 3.18)
    message(FATAL_ERROR "CMake ${CMAKE_VERSION}: the module vib needs 3.18 or later")
endif()

set(VIB_BINDING ${CMAKE_CURRENT_LIST_DIR}/modvib.c)
if(COMMAND idf_build_get_property)
    # ESP-IDF has tasks: one of them reads the sensor into a ring, whatever Python does.
    list(APPEND VIB_BINDING ${CMAKE_CURRENT_LIST_DIR}/feed_esp32.c)
    set(VIB_DEFINITIONS VIB_FEED=1)
endif()
set(VIB_CFLAGS -Wall -Wextra -Werror -ffp-contract=off)

# The core is a library of its own, with options of its own. As sources of the interface its files would be compiled by
# whatever links MicroPython, in ESP-IDF twice: by the component with that component's options, and by the program without
# any, that is at -O0; and the program's objects would be the ones that are linked.
file(GLOB VIB_CORE_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/vib_*.c)
add_library(vib_core STATIC ${VIB_CORE_SOURCES})
target_include_directories(vib_core PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_compile_options(vib_core PRIVATE -O2 -std=c99 -ffunction-sections -fdata-sections ${VIB_CFLAGS})
if(COMMAND idf_build_get_property)
    # What a chip's errata ask of all code, such as the ESP32's with PSRAM; the toolchain file brings the rest.
    idf_build_get_property(VIB_CHIP_OPTIONS COMPILE_OPTIONS)
    list(FILTER VIB_CHIP_OPTIONS INCLUDE REGEX "^-m")
    target_compile_options(vib_core PRIVATE ${VIB_CHIP_OPTIONS})
endif()

# The binding needs MicroPython's generated headers and the port's, so it is compiled with MicroPython: by the component, not once more
# by the program, whose folder is the topmost.
add_library(usermod_vib INTERFACE)
target_sources(usermod_vib INTERFACE ${VIB_BINDING})
target_link_libraries(usermod_vib INTERFACE vib_core)
target_link_libraries(usermod INTERFACE usermod_vib)
set_source_files_properties(${VIB_BINDING} PROPERTIES
    COMPILE_OPTIONS "${VIB_CFLAGS};-Wno-unused-parameter;-Wno-error=cpp") # a driver may call itself old
if(NOT CMAKE_CURRENT_SOURCE_DIR STREQUAL CMAKE_SOURCE_DIR)
    set_source_files_properties(${VIB_BINDING} DIRECTORY ${CMAKE_SOURCE_DIR} PROPERTIES HEADER_FILE_ONLY TRUE)
endif()

if(VIB_MODEL_DIR)
    if(NOT EXISTS ${VIB_MODEL_DIR}/model.c)
        message(FATAL_ERROR "VIB_MODEL_DIR: ${VIB_MODEL_DIR} has no model.c")
    endif()
    if(NOT EXISTS ${EMLEARN_INCLUDE}/eml_trees.h)
        message(FATAL_ERROR "EMLEARN_INCLUDE: ${EMLEARN_INCLUDE} has no eml_trees.h")
    endif()
    target_sources(vib_core PRIVATE ${VIB_MODEL_DIR}/model.c)
    # emlearn's headers are taken as system headers, and its trees leave a parameter unused.
    set_source_files_properties(${VIB_MODEL_DIR}/model.c PROPERTIES COMPILE_OPTIONS
        "-Wno-unused-parameter;-Wno-missing-field-initializers;-isystem${EMLEARN_INCLUDE}")
    list(APPEND VIB_DEFINITIONS VIB_LINKED_MODEL=1)
endif()
set_source_files_properties(${VIB_BINDING} PROPERTIES COMPILE_DEFINITIONS "${VIB_DEFINITIONS}")
