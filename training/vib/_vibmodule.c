/* The core as CPython's module `vib._vib`: the same names as on MicroPython, and batches. */
#include "binding.h"
#include "lanes.h"

/* What _extract was asked for. */
typedef struct {
    vib_config_t config;
    uint32_t shaft_millihz;
    const uint32_t *courses; /* [windows * speeds] or NULL */
    size_t speeds;           /* in a window */
    const int16_t *samples;
    size_t frames, windows;
    int16_t *out; /* [windows * features] */
} batch_t;

/* As many windows as go in lockstep; returns how many that were, from the first on. */
static size_t extract_together(const batch_t *b)
{
    size_t done = 0, hop = (size_t)b->config.hop * b->config.axes, n = vib_feature_count(&b->config);
    bool alike = lanes_supported() && !b->courses && !b->config.by_angle && !b->config.slow_window;
    lanes_t *lanes = alike && b->windows >= N_LANES ? lanes_new(&b->config, b->shaft_millihz) : NULL;
    if (lanes) {
        for (; done + N_LANES <= b->windows; done += N_LANES) {
            lanes_features(lanes, b->samples + done * hop, b->out + done * n);
        }
        lanes_free(lanes);
    }
    return done;
}

/* The next window of one that goes on in a core without a gap, so that its slow path does too. Frames from *at on. */
static void push_on(const batch_t *b, vib_core_t *core, size_t *at)
{
    size_t taken;
    vib_core_push(core, b->samples + *at * b->config.axes, b->frames - *at, &taken);
    *at += taken;
}

/* The rest, one after another. */
static int extract_rest(const batch_t *b, vib_core_t *core, size_t done)
{
    size_t hop = (size_t)b->config.hop * b->config.axes, n = vib_feature_count(&b->config), taken, at = 0;
    int status = VIB_OK;
    vib_core_set_shaft(core, b->shaft_millihz);
    for (; status == VIB_OK && done < b->windows; done++) {
        if (b->config.slow_window) {
            push_on(b, core, &at);
        } else {
            vib_core_gap(core);
            vib_core_push(core, b->samples + done * hop, b->config.window, &taken);
        }
        if (b->courses && vib_core_set_course(core, b->courses + done * b->speeds, b->speeds) == VIB_ERR_LENGTH) {
            return VIB_ERR_LENGTH;
        }
        status = vib_core_features(core, b->out + done * n, n);
    }
    return status;
}

/* The course of each window, or none: rows of speeds, uint32. False where they are not as many as the windows. */
static bool read_courses(PyObject *given, Py_buffer *view, batch_t *b)
{
    b->courses = NULL;
    view->obj = NULL;
    if (given == Py_None) {
        return true;
    }
    if (PyObject_GetBuffer(given, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) {
        return false;
    }
    bool rows = view->ndim == 2 && view->itemsize == sizeof(uint32_t) && view->format[0] == 'I';
    if (!rows || (size_t)view->shape[0] != b->windows) {
        PyErr_Format(PyExc_ValueError, "vib: courses: uint32 of shape (%zu, speeds) needed", b->windows);
        PyBuffer_Release(view);
        return false;
    }
    b->courses = view->buf;
    b->speeds = (size_t)view->shape[1];
    return true;
}

/* _extract(samples, config, out, shaft_millihz, courses): features of every whole window; out has exactly that many
 * rows. */
static PyObject *extract(PyObject *module, PyObject *args)
{
    PyObject *samples, *dict, *out, *courses;
    Py_buffer x, y, speeds;
    batch_t b;
    int status = VIB_OK;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOOIO", &samples, &dict, &out, &b.shaft_millihz, &courses) ||
        vibpy_parse_config(dict, &b.config) < 0 || vibpy_check(vib_config_check(&b.config)) < 0 ||
        vibpy_int16_buffer(samples, &x, -1, 0) < 0) {
        return NULL;
    }
    b.frames = (size_t)x.len / 2 / b.config.axes;
    b.windows = b.frames < b.config.window ? 0 : (b.frames - b.config.window) / b.config.hop + 1;
    if (vibpy_int16_buffer(out, &y, (Py_ssize_t)(b.windows * vib_feature_count(&b.config)), PyBUF_WRITABLE) < 0) {
        PyBuffer_Release(&x);
        return NULL;
    }
    if (!read_courses(courses, &speeds, &b)) {
        PyBuffer_Release(&x);
        PyBuffer_Release(&y);
        return NULL;
    }
    b.samples = x.buf;
    b.out = y.buf;
    vib_core_t *core = vibpy_make_core(&b.config);
    if (core) {
        Py_BEGIN_ALLOW_THREADS status = extract_rest(&b, core, extract_together(&b));
        Py_END_ALLOW_THREADS PyMem_RawFree(core);
    }
    PyBuffer_Release(&x);
    PyBuffer_Release(&y);
    PyBuffer_Release(&speeds);
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
    PyObject *model = PyType_FromSpec(&vibpy_model_spec), *core = PyType_FromSpec(&vibpy_core_spec),
             *fields = config_fields();
    if (!module || !model || !core || !fields || PyModule_AddObjectRef(module, "Model", model) < 0 ||
        PyModule_AddObjectRef(module, "Core", core) < 0 || PyModule_AddObjectRef(module, "CONFIG_FIELDS", fields) < 0 ||
        PyModule_AddIntConstant(module, "WINDOWS_TOGETHER", lanes_supported() ? N_LANES : 1) < 0 ||
        PyModule_AddIntConstant(module, "CORE_VERSION", VIB_CORE_VERSION) < 0 ||
        PyModule_AddIntConstant(module, "FEATURE_VERSION", VIB_FEATURE_VERSION) < 0) {
        Py_CLEAR(module);
    }
    Py_XDECREF(model);
    Py_XDECREF(core);
    Py_XDECREF(fields);
    return module;
}
