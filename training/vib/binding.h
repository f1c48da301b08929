/* What the source files of CPython's module `vib._vib` share. */
#ifndef BINDING_H
#define BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "vib.h"

extern const char *const vibpy_config_names[]; /* fields of vib_config_t, in order */
extern const size_t vibpy_n_config_names;
extern PyType_Spec vibpy_model_spec;
extern PyType_Spec vibpy_core_spec;

/* 0 for VIB_OK; else -1 with ValueError set to the error's text. */
int vibpy_check(int status);
/* int16 values, C order; count < 0: any number. The caller releases the view. */
int vibpy_int16_buffer(PyObject *obj, Py_buffer *view, Py_ssize_t count, int flags);
int vibpy_parse_config(PyObject *dict, vib_config_t *config);
PyObject *vibpy_config_dict(const vib_config_t *config);
/* A core in memory of its own, for PyMem_RawFree; NULL with an exception set. */
vib_core_t *vibpy_make_core(const vib_config_t *config);

#endif
