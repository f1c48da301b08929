# The core and its binding as a user C module for MicroPython's CMake ports (ESP32, rp2); see micropython.mk.
#
#   VIB_MODEL_DIR    a model package whose model.c is linked in; without it vib.linked_model() is None
#   EMLEARN_INCLUDE  the folder of emlearn's headers, which model.c includes; needed with VIB_MODEL_DIR

file(GLOB VIB_CORE CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/vib_*.c)
set(VIB_BINDING ${CMAKE_CURRENT_LIST_DIR}/modvib.c)
set(VIB_CFLAGS -Wall -Wextra -Werror -ffp-contract=off)

add_library(usermod_vib INTERFACE)
target_sources(usermod_vib INTERFACE ${VIB_BINDING} ${VIB_CORE})
target_include_directories(usermod_vib INTERFACE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(usermod INTERFACE usermod_vib)

# Flags go by source file: on the interface they would reach the whole of MicroPython.
set_source_files_properties(${VIB_CORE} PROPERTIES COMPILE_OPTIONS "-O2;${VIB_CFLAGS};-std=c99")
set_source_files_properties(${VIB_BINDING} PROPERTIES COMPILE_OPTIONS "${VIB_CFLAGS};-Wno-unused-parameter")

if(VIB_MODEL_DIR)
    if(NOT EXISTS ${VIB_MODEL_DIR}/model.c)
        message(FATAL_ERROR "VIB_MODEL_DIR: ${VIB_MODEL_DIR} has no model.c")
    endif()
    if(NOT EXISTS ${EMLEARN_INCLUDE}/eml_trees.h)
        message(FATAL_ERROR "EMLEARN_INCLUDE: ${EMLEARN_INCLUDE} has no eml_trees.h")
    endif()
    target_sources(usermod_vib INTERFACE ${VIB_MODEL_DIR}/model.c)
    target_compile_definitions(usermod_vib INTERFACE VIB_LINKED_MODEL=1)
    # emlearn's headers are taken as system headers, and its trees leave a parameter unused.
    set_source_files_properties(${VIB_MODEL_DIR}/model.c PROPERTIES COMPILE_OPTIONS
        "-O2;${VIB_CFLAGS};-std=c99;-Wno-unused-parameter;-isystem${EMLEARN_INCLUDE}")
endif()
