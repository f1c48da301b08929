/* Buffers, configurations and errors between Python and the core. */
#include "binding.h"

int vibpy_check(int status)
{
    if (status != VIB_OK) {
        PyErr_Format(PyExc_ValueError, "vib: %s", vib_error_text(status));
        return -1;
    }
    return 0;
}

int vibpy_int16_buffer(PyObject *obj, Py_buffer *view, Py_ssize_t count, int flags)
{
    if (PyObject_GetBuffer(obj, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | flags) < 0) {
        return -1;
    }
    if (view->itemsize != 2 || !view->format || view->format[0] != 'h' || (count >= 0 && view->len != 2 * count)) {
        PyErr_Format(PyExc_ValueError, "vib: int16 array of %zd values needed", count);
        PyBuffer_Release(view);
        return -1;
    }
    return 0;
}

const char *const vibpy_config_names[] = {
#define VIB_CONFIG(name) #name,
#include "vib_config.def"
#undef VIB_CONFIG
};
const size_t vibpy_n_config_names = sizeof vibpy_config_names / sizeof vibpy_config_names[0];

int vibpy_parse_config(PyObject *dict, vib_config_t *config)
{
    static const bool needed[] = {
#define VIB_CONFIG(name) true,
#define VIB_CONFIG_OR_0(name) false,
#include "vib_config.def"
#undef VIB_CONFIG
    };
    uint32_t *const fields[] = {
#define VIB_CONFIG(name) &config->name,
#include "vib_config.def"
#undef VIB_CONFIG
    };
    for (size_t i = 0; i < vibpy_n_config_names; i++) {
        PyObject *value = PyMapping_GetItemString(dict, vibpy_config_names[i]);
        if (!value && !needed[i] && PyErr_ExceptionMatches(PyExc_KeyError)) {
            PyErr_Clear();
            *fields[i] = 0;
            continue;
        }
        if (!value) {
            PyErr_Format(PyExc_ValueError, "vib: config lacks %s", vibpy_config_names[i]);
            return -1;
        }
        long long number = PyLong_AsLongLong(value);
        Py_DECREF(value);
        if (number < 0 || number > 0xffffffffLL) {
            PyErr_Format(PyExc_ValueError, "vib: %s must be a whole number, 0 to 4294967295", vibpy_config_names[i]);
            return -1;
        }
        *fields[i] = (uint32_t)number;
    }
    return 0;
}

PyObject *vibpy_config_dict(const vib_config_t *c)
{
    const struct {
        const char *name;
        uint32_t value;
        bool needed;
    } fields[] = {
#define VIB_CONFIG(name) { #name, c->name, true },
#define VIB_CONFIG_OR_0(name) { #name, c->name, false },
#include "vib_config.def"
#undef VIB_CONFIG
    };
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict && i < sizeof fields / sizeof fields[0]; i++) {
        PyObject *value = PyLong_FromUnsignedLong(fields[i].value);
        bool left_out = !fields[i].needed && fields[i].value == 0;
        if (!value || (!left_out && PyDict_SetItemString(dict, fields[i].name, value) < 0)) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(value);
    }
    return dict;
}

vib_core_t *vibpy_make_core(const vib_config_t *config)
{
    size_t bytes = 0;
    vib_core_t *core = NULL;
    if (vibpy_check(vib_core_size(config, &bytes)) < 0) {
        return NULL;
    }
    void *memory = PyMem_RawMalloc(bytes);
    if (!memory) {
        PyErr_NoMemory();
    } else if (vibpy_check(vib_core_init(memory, bytes, config, &core)) < 0) {
        PyMem_RawFree(memory);
    }
    return core; /* the core begins at its memory's start */
}
