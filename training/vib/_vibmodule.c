/* The core as CPython's module `vib._vib`: the same names as on MicroPython, and batches. */
#include "binding.h"

static int extract_all(vib_core_t *core, const int16_t *samples, size_t frames, size_t axes, int16_t *out, size_t n)
{
    int status = VIB_OK;
    while (status == VIB_OK) {
        size_t taken = 0;
        vib_core_push(core, samples, frames, &taken);
        samples += taken * axes;
        frames -= taken;
        if (!vib_core_ready(core)) {
            break;
        }
        status = vib_core_features(core, out, n);
        out += n;
    }
    return status;
}

/* _extract(samples, config, out, shaft_millihz): features of every whole window; out has exactly that many rows. */
static PyObject *extract(PyObject *module, PyObject *args)
{
    PyObject *samples, *dict, *out;
    unsigned int shaft_millihz;
    Py_buffer x, y;
    vib_config_t config;
    int status = VIB_OK;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOOI", &samples, &dict, &out, &shaft_millihz) || vibpy_parse_config(dict, &config) < 0
        || vibpy_check(vib_config_check(&config)) < 0 || vibpy_int16_buffer(samples, &x, -1, 0) < 0) {
        return NULL;
    }
    size_t n = vib_feature_count(&config), frames = (size_t)x.len / 2 / config.axes;
    size_t windows = frames < config.window ? 0 : (frames - config.window) / config.hop + 1;
    if (vibpy_int16_buffer(out, &y, (Py_ssize_t)(windows * n), PyBUF_WRITABLE) < 0) {
        PyBuffer_Release(&x);
        return NULL;
    }
    vib_core_t *core = vibpy_make_core(&config);
    if (core) {
        Py_BEGIN_ALLOW_THREADS
        vib_core_set_shaft(core, shaft_millihz);
        status = extract_all(core, x.buf, frames, config.axes, y.buf, n);
        Py_END_ALLOW_THREADS
        PyMem_RawFree(core);
    }
    PyBuffer_Release(&x);
    PyBuffer_Release(&y);
    return !core || vibpy_check(status) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *linked_model(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return Py_NewRef(Py_None);
}

static PyMethodDef functions[] = {
    { "_extract", extract, METH_VARARGS, NULL },
    { "linked_model", linked_model, METH_NOARGS, "None: no model is linked into CPython's module." },
    { NULL, NULL, 0, NULL },
};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_vib", "The integer core of Vibnode.", -1, functions, NULL, NULL, NULL, NULL,
};

static PyObject *config_fields(void)
{
    PyObject *fields = PyTuple_New(vibpy_n_config_names);
    for (size_t i = 0; fields && i < vibpy_n_config_names; i++) {
        PyTuple_SET_ITEM(fields, i, PyUnicode_InternFromString(vibpy_config_names[i]));
    }
    return fields;
}

PyMODINIT_FUNC PyInit__vib(void)
{
    PyObject *module = PyModule_Create(&definition);
    PyObject *model = PyType_FromSpec(&vibpy_model_spec), *core = PyType_FromSpec(&vibpy_core_spec), *fields = config_fields();
    if (!module || !model || !core || !fields || PyModule_AddObjectRef(module, "Model", model) < 0
        || PyModule_AddObjectRef(module, "Core", core) < 0
        || PyModule_AddObjectRef(module, "CONFIG_FIELDS", fields) < 0
        || PyModule_AddIntConstant(module, "CORE_VERSION", VIB_CORE_VERSION) < 0
        || PyModule_AddIntConstant(module, "FEATURE_VERSION", VIB_FEATURE_VERSION) < 0) {
        Py_CLEAR(module);
    }
    Py_XDECREF(model);
    Py_XDECREF(core);
    Py_XDECREF(fields);
    return module;
}
