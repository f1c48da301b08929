/* The core as CPython's module `vib._vib`: the same names as on MicroPython, and batches. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "vib.h"

typedef struct {
    PyObject_HEAD
    vib_model_t model;
    uint32_t *data; /* own copy of model.bin, aligned */
} ModelObject;

typedef struct {
    PyObject_HEAD
    vib_core_t *core;
    vib_config_t config;
    vib_format_t format; /* of push_raw */
    Py_ssize_t n_features;
} CoreObject;

static int check(int status)
{
    if (status != VIB_OK) {
        PyErr_Format(PyExc_ValueError, "vib: %s", vib_error_text(status));
        return -1;
    }
    return 0;
}

/* int16 values, C order; count < 0: any number. The caller releases. */
static int int16_buffer(PyObject *obj, Py_buffer *view, Py_ssize_t count, int flags)
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

static const char *const names[] = {
#define VIB_CONFIG(name) #name,
#include "vib_config.def"
#undef VIB_CONFIG
};
#define N_NAMES (sizeof names / sizeof names[0])

static int parse_config(PyObject *dict, vib_config_t *config)
{
    uint32_t *const fields[] = {
#define VIB_CONFIG(name) &config->name,
#include "vib_config.def"
#undef VIB_CONFIG
    };
    for (size_t i = 0; i < N_NAMES; i++) {
        PyObject *value = PyMapping_GetItemString(dict, names[i]);
        if (!value) {
            PyErr_Format(PyExc_ValueError, "vib: config lacks %s", names[i]);
            return -1;
        }
        long long number = PyLong_AsLongLong(value);
        Py_DECREF(value);
        if (number < 0 || number > 0xffffffffLL) {
            PyErr_Format(PyExc_ValueError, "vib: %s must be a whole number, 0 to 4294967295", names[i]);
            return -1;
        }
        *fields[i] = (uint32_t)number;
    }
    return 0;
}

static PyObject *config_dict(const vib_config_t *c)
{
#define VIB_CONFIG(name) "sI"
    const char *format = "{"
#include "vib_config.def"
#undef VIB_CONFIG
        "}";
    return Py_BuildValue(format
#define VIB_CONFIG(name) , #name, (unsigned)c->name
#include "vib_config.def"
#undef VIB_CONFIG
    );
}

/* --- Model ---------------------------------------------------------------------------------------------------- */

static PyObject *model_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Py_buffer view;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "y*", &view)) {
        return NULL;
    }
    ModelObject *self = (ModelObject *)type->tp_alloc(type, 0);
    if (self) {
        self->data = PyMem_Malloc((size_t)view.len + 4);
        if (!self->data) {
            PyErr_NoMemory();
        } else {
            memcpy(self->data, view.buf, (size_t)view.len);
            check(vib_model_load(self->data, (size_t)view.len, &self->model));
        }
        if (PyErr_Occurred()) {
            Py_CLEAR(self);
        }
    }
    PyBuffer_Release(&view);
    return (PyObject *)self;
}

static void model_dealloc(ModelObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyMem_Free(self->data);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *model_config(ModelObject *self, PyObject *unused)
{
    (void)unused;
    return config_dict(&self->model.config);
}

static PyObject *model_meta(ModelObject *self, PyObject *unused)
{
    const vib_model_t *m = &self->model;
    char digest[2 * sizeof m->digest + 1];
    (void)unused;
    for (size_t i = 0; i < sizeof m->digest; i++) {
        snprintf(digest + 2 * i, 3, "%02x", m->digest[i]);
    }
    PyObject *classes = PyTuple_New(m->n_classes);
    for (uint32_t i = 0; classes && i < m->n_classes; i++) {
        PyTuple_SET_ITEM(classes, i, PyUnicode_FromString(vib_model_class(m, i)));
    }
    if (!classes || PyErr_Occurred()) {
        Py_XDECREF(classes);
        return NULL;
    }
    return Py_BuildValue("{sssssNsisisisisisi}", "name", m->name, "digest", digest, "classes", classes,
                         "warning", m->warning, "alarm", m->alarm, "hysteresis", m->hysteresis,
                         "off_rms", m->off_rms, "dwell_windows", m->dwell_windows,
                         "clear_windows", m->clear_windows);
}

/* Scores (classes = 0) or class indexes of rows of features, into out. */
static int apply(ModelObject *self, PyObject *features, PyObject *baseline, int16_t *out, Py_ssize_t rows, int classes)
{
    Py_ssize_t n = (Py_ssize_t)vib_feature_count(&self->model.config);
    Py_buffer x, b = { 0 };
    int status = VIB_OK;
    if (int16_buffer(features, &x, rows * n, 0) < 0) {
        return -1;
    }
    if (baseline != Py_None && int16_buffer(baseline, &b, n, 0) < 0) {
        PyBuffer_Release(&x);
        return -1;
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < rows && status == VIB_OK; i++) {
        const int16_t *row = (const int16_t *)x.buf + i * n;
        uint32_t index = 0;
        status = classes ? vib_model_classify(&self->model, row, (size_t)n, b.buf, &index)
                         : vib_model_score(&self->model, row, (size_t)n, b.buf, &out[i]);
        if (classes) {
            out[i] = (int16_t)index;
        }
    }
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&x);
    if (b.obj) {
        PyBuffer_Release(&b);
    }
    return check(status);
}

static PyObject *apply_one(ModelObject *self, PyObject *args, int classes)
{
    PyObject *features, *baseline = Py_None;
    int16_t out;
    if (!PyArg_ParseTuple(args, "O|O", &features, &baseline) || apply(self, features, baseline, &out, 1, classes) < 0) {
        return NULL;
    }
    return PyLong_FromLong(out);
}

static PyObject *model_score(ModelObject *self, PyObject *args)
{
    return apply_one(self, args, 0);
}

static PyObject *model_classify(ModelObject *self, PyObject *args)
{
    return apply_one(self, args, 1);
}

static PyObject *model_apply_batch(ModelObject *self, PyObject *args)
{
    PyObject *features, *baseline, *out;
    Py_buffer view;
    int classes;
    if (!PyArg_ParseTuple(args, "OOOp", &features, &baseline, &out, &classes)
        || int16_buffer(out, &view, -1, PyBUF_WRITABLE) < 0) {
        return NULL;
    }
    int failed = apply(self, features, baseline, view.buf, view.len / 2, classes);
    PyBuffer_Release(&view);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef model_methods[] = {
    { "config", (PyCFunction)model_config, METH_NOARGS, "The configuration the model was made for, a dict." },
    { "meta", (PyCFunction)model_meta, METH_NOARGS, "Name, digest, classes, thresholds and times, a dict." },
    { "score", (PyCFunction)model_score, METH_VARARGS, "score(features, baseline=None) -> anomaly score, int." },
    { "classify", (PyCFunction)model_classify, METH_VARARGS, "classify(features, baseline=None) -> class index." },
    { "_apply_batch", (PyCFunction)model_apply_batch, METH_VARARGS, NULL },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot model_slots[] = {
    { Py_tp_new, model_new },
    { Py_tp_dealloc, model_dealloc },
    { Py_tp_methods, model_methods },
    { Py_tp_doc, "Model(data): a package's model.bin." },
    { 0, NULL },
};
static PyType_Spec model_spec = { "vib.Model", sizeof(ModelObject), 0, Py_TPFLAGS_DEFAULT, model_slots };

/* --- Core ----------------------------------------------------------------------------------------------------- */

static vib_core_t *make_core(const vib_config_t *config)
{
    size_t bytes = 0;
    vib_core_t *core = NULL;
    if (check(vib_core_size(config, &bytes)) < 0) {
        return NULL;
    }
    void *memory = PyMem_RawMalloc(bytes);
    if (!memory) {
        PyErr_NoMemory();
    } else if (check(vib_core_init(memory, bytes, config, &core)) < 0) {
        PyMem_RawFree(memory);
    }
    return core; /* the core begins at its memory's start */
}

static PyObject *core_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *dict;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "O", &dict)) {
        return NULL;
    }
    CoreObject *self = (CoreObject *)type->tp_alloc(type, 0);
    if (self && (parse_config(dict, &self->config) < 0 || !(self->core = make_core(&self->config)))) {
        Py_CLEAR(self);
    }
    if (self) {
        self->n_features = (Py_ssize_t)vib_feature_count(&self->config);
    }
    return (PyObject *)self;
}

static void core_dealloc(CoreObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyMem_RawFree(self->core);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *core_push(CoreObject *self, PyObject *args)
{
    Py_buffer view;
    Py_ssize_t start = 0, frame = (Py_ssize_t)(self->config.axes * sizeof(int16_t));
    size_t taken = 0;
    if (!PyArg_ParseTuple(args, "y*|n", &view, &start)) {
        return NULL;
    }
    Py_ssize_t frames = view.len / frame;
    if (((uintptr_t)view.buf & 1) || view.len % frame || start < 0 || start > frames) {
        PyErr_SetString(PyExc_ValueError, "vib: whole frames of aligned int16 needed, start within them");
    } else {
        const int16_t *samples = (const int16_t *)view.buf + start * (Py_ssize_t)self->config.axes;
        vib_core_push(self->core, samples, (size_t)(frames - start), &taken);
    }
    PyBuffer_Release(&view);
    return PyErr_Occurred() ? NULL : PyLong_FromSize_t(taken);
}

static PyObject *core_raw_format(CoreObject *self, PyObject *args)
{
    vib_format_t f = { 0 };
    int big_endian, left_justified;
    if (!PyArg_ParseTuple(args, "bbpp|b", &f.bits, &f.sample_bytes, &big_endian, &left_justified, &f.skip_bytes)) {
        return NULL;
    }
    f.big_endian = big_endian;
    f.left_justified = left_justified;
    if (check(vib_format_check(&f)) < 0) {
        return NULL;
    }
    self->format = f;
    return Py_NewRef(Py_None);
}

static PyObject *core_push_raw(CoreObject *self, PyObject *args)
{
    Py_buffer view;
    Py_ssize_t start = 0, frame = (Py_ssize_t)vib_format_frame_bytes(&self->format, self->config.axes);
    size_t taken = 0;
    if (check(vib_format_check(&self->format)) < 0 || !PyArg_ParseTuple(args, "y*|n", &view, &start)) {
        return NULL;
    }
    Py_ssize_t frames = view.len / frame;
    if (view.len % frame || start < 0 || start > frames) {
        PyErr_SetString(PyExc_ValueError, "vib: whole frames of the raw format needed, start within them");
    } else {
        const uint8_t *data = (const uint8_t *)view.buf + start * frame;
        check(vib_core_push_raw(self->core, &self->format, data, (size_t)(frames - start), &taken));
    }
    PyBuffer_Release(&view);
    return PyErr_Occurred() ? NULL : PyLong_FromSize_t(taken);
}

static PyObject *core_shaft(CoreObject *self, PyObject *args)
{
    unsigned int millihz;
    if (!PyArg_ParseTuple(args, "I", &millihz)) {
        return NULL;
    }
    vib_core_set_shaft(self->core, millihz);
    return Py_NewRef(Py_None);
}

static PyObject *core_ready(CoreObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(vib_core_ready(self->core));
}

static PyObject *core_gap(CoreObject *self, PyObject *unused)
{
    (void)unused;
    vib_core_gap(self->core);
    return Py_NewRef(Py_None);
}

static PyObject *core_features(CoreObject *self, PyObject *out)
{
    Py_buffer view;
    if (int16_buffer(out, &view, self->n_features, PyBUF_WRITABLE) < 0) {
        return NULL;
    }
    int failed = check(vib_core_features(self->core, view.buf, (size_t)self->n_features));
    PyBuffer_Release(&view);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *core_feature_name(CoreObject *self, PyObject *index)
{
    char name[VIB_FEATURE_NAME_SIZE];
    Py_ssize_t i = PyLong_AsSsize_t(index);
    if (PyErr_Occurred() || check(vib_feature_name(&self->config, (size_t)i, name)) < 0) {
        return NULL;
    }
    return PyUnicode_FromString(name);
}

static PyObject *core_n_features(CoreObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(self->n_features);
}

static PyMethodDef core_methods[] = {
    { "push", (PyCFunction)core_push, METH_VARARGS, "push(buf, start=0) -> frames taken; stops at a whole window." },
    { "raw_format", (PyCFunction)core_raw_format, METH_VARARGS,
      "raw_format(bits, sample_bytes, big_endian, left_justified, skip_bytes=0): how push_raw's bytes are laid out." },
    { "push_raw", (PyCFunction)core_push_raw, METH_VARARGS, "push_raw(buf, start=0): push of raw FIFO frames." },
    { "shaft", (PyCFunction)core_shaft, METH_VARARGS, "shaft(millihz): speed from here on; 0 where it is not known." },
    { "ready", (PyCFunction)core_ready, METH_NOARGS, "Whether a whole window is held." },
    { "gap", (PyCFunction)core_gap, METH_NOARGS, "Samples were lost: forget the partial window." },
    { "features", (PyCFunction)core_features, METH_O, "features(out): the window's features, then on by one hop." },
    { "feature_name", (PyCFunction)core_feature_name, METH_O, "feature_name(i) -> name such as 'x.band03'." },
    { NULL, NULL, 0, NULL },
};
static PyGetSetDef core_getset[] = {
    { "n_features", (getter)core_n_features, NULL, "Length of a feature vector.", NULL },
    { NULL, NULL, NULL, NULL, NULL },
};
static PyType_Slot core_slots[] = {
    { Py_tp_new, core_new },
    { Py_tp_dealloc, core_dealloc },
    { Py_tp_methods, core_methods },
    { Py_tp_getset, core_getset },
    { Py_tp_doc, "Core(config): frames in, windows out, features of each." },
    { 0, NULL },
};
static PyType_Spec core_spec = { "vib.Core", sizeof(CoreObject), 0, Py_TPFLAGS_DEFAULT, core_slots };

/* --- module --------------------------------------------------------------------------------------------------- */

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
    if (!PyArg_ParseTuple(args, "OOOI", &samples, &dict, &out, &shaft_millihz) || parse_config(dict, &config) < 0
        || check(vib_config_check(&config)) < 0 || int16_buffer(samples, &x, -1, 0) < 0) {
        return NULL;
    }
    size_t n = vib_feature_count(&config), frames = (size_t)x.len / 2 / config.axes;
    size_t windows = frames < config.window ? 0 : (frames - config.window) / config.hop + 1;
    if (int16_buffer(out, &y, (Py_ssize_t)(windows * n), PyBUF_WRITABLE) < 0) {
        PyBuffer_Release(&x);
        return NULL;
    }
    vib_core_t *core = make_core(&config);
    if (core) {
        Py_BEGIN_ALLOW_THREADS
        vib_core_set_shaft(core, shaft_millihz);
        status = extract_all(core, x.buf, frames, config.axes, y.buf, n);
        Py_END_ALLOW_THREADS
        PyMem_RawFree(core);
    }
    PyBuffer_Release(&x);
    PyBuffer_Release(&y);
    return !core || check(status) < 0 ? NULL : Py_NewRef(Py_None);
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
    PyObject *fields = PyTuple_New(N_NAMES);
    for (size_t i = 0; fields && i < N_NAMES; i++) {
        PyTuple_SET_ITEM(fields, i, PyUnicode_InternFromString(names[i]));
    }
    return fields;
}

PyMODINIT_FUNC PyInit__vib(void)
{
    PyObject *module = PyModule_Create(&definition);
    PyObject *model = PyType_FromSpec(&model_spec), *core = PyType_FromSpec(&core_spec), *fields = config_fields();
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
