/* vib.Model: a package's model.bin. */
#include "binding.h"

typedef struct {
    PyObject_HEAD vib_model_t model;
    uint32_t *data; /* own copy of model.bin, aligned */
} ModelObject;

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
            vibpy_check(vib_model_load(self->data, (size_t)view.len, &self->model));
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
    return vibpy_config_dict(&self->model.config);
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
    return Py_BuildValue("{sssssNsisisisisisisisisisisIsIsisisisisi}", "name", m->name, "digest", digest, "classes",
                         classes, "warning", m->warning, "alarm", m->alarm, "hysteresis", m->hysteresis, "off_rms",
                         m->off_rms, "dwell_windows", m->dwell_windows, "alarm_dwell_windows",
                         m->alarm_dwell_windows ? m->alarm_dwell_windows : m->dwell_windows, "clear_windows",
                         m->clear_windows, "quiet_rms", m->quiet_rms, "off_below", m->off_below, "average_windows",
                         m->average_windows, "shaft_low_millihz", m->shaft_low_millihz, "shaft_high_millihz",
                         m->shaft_high_millihz, "line_over", m->line_over, "line_middle", m->line_middle, "line_low",
                         m->speed_low, "line_high", m->speed_high, "reach", m->reach);
}

enum {
    SCORE,
    CLASSIFY,
    OUTSIDE,
    PLACE,
    FAR
};

static int ask(const vib_model_t *m, int question, const int16_t *row, size_t n, const int16_t *baseline, int16_t *out)
{
    uint32_t index = 0;
    bool outside = false;
    int status;
    switch (question) {
    case CLASSIFY:
        status = vib_model_classify(m, row, n, baseline, &index);
        *out = (int16_t)index;
        return status;
    case OUTSIDE:
        status = vib_model_outside(m, row, n, &outside);
        *out = outside;
        return status;
    case PLACE:
        return vib_model_place(m, row, n, out);
    case FAR:
        return vib_model_far(m, row, n, baseline, out);
    default:
        return vib_model_score(m, row, n, baseline, out);
    }
}

/* Asks about each of rows of features, answers into out. */
static int apply(ModelObject *self, PyObject *features, PyObject *baseline, int16_t *out, Py_ssize_t rows, int question)
{
    Py_ssize_t n = (Py_ssize_t)vib_feature_count(&self->model.config);
    Py_buffer x, b = { 0 };
    int status = VIB_OK;
    if (vibpy_int16_buffer(features, &x, rows * n, 0) < 0) {
        return -1;
    }
    if (baseline != Py_None && vibpy_int16_buffer(baseline, &b, n, 0) < 0) {
        PyBuffer_Release(&x);
        return -1;
    }
    Py_BEGIN_ALLOW_THREADS for (Py_ssize_t i = 0; i < rows && status == VIB_OK; i++)
    {
        status = ask(&self->model, question, (const int16_t *)x.buf + i * n, (size_t)n, b.buf, &out[i]);
    }
    Py_END_ALLOW_THREADS PyBuffer_Release(&x);
    if (b.obj) {
        PyBuffer_Release(&b);
    }
    return vibpy_check(status);
}

static PyObject *apply_one(ModelObject *self, PyObject *args, int question)
{
    PyObject *features, *baseline = Py_None;
    int16_t out;
    if (!PyArg_ParseTuple(args, "O|O", &features, &baseline) ||
        apply(self, features, baseline, &out, 1, question) < 0) {
        return NULL;
    }
    return PyLong_FromLong(out);
}

static PyObject *model_score(ModelObject *self, PyObject *args)
{
    return apply_one(self, args, SCORE);
}

static PyObject *model_classify(ModelObject *self, PyObject *args)
{
    return apply_one(self, args, CLASSIFY);
}

static PyObject *model_outside(ModelObject *self, PyObject *features)
{
    int16_t out;
    return apply(self, features, Py_None, &out, 1, OUTSIDE) < 0 ? NULL : PyBool_FromLong(out);
}

static PyObject *model_place(ModelObject *self, PyObject *features)
{
    int16_t out;
    return apply(self, features, Py_None, &out, 1, PLACE) < 0 ? NULL : PyLong_FromLong(out);
}

static PyObject *model_far(ModelObject *self, PyObject *args)
{
    return apply_one(self, args, FAR);
}

static PyObject *copied(const ModelObject *self, const int16_t *from, PyObject *out)
{
    size_t n = vib_feature_count(&self->model.config);
    Py_buffer view;
    if (vibpy_int16_buffer(out, &view, (Py_ssize_t)n, PyBUF_WRITABLE) < 0) {
        return NULL;
    }
    memcpy(view.buf, from, n * sizeof *from);
    PyBuffer_Release(&view);
    return Py_NewRef(Py_None);
}

static PyObject *model_centre(ModelObject *self, PyObject *out)
{
    return copied(self, self->model.centre, out);
}

static PyObject *model_line(ModelObject *self, PyObject *out)
{
    return copied(self, self->model.line, out);
}

static PyObject *model_apply_batch(ModelObject *self, PyObject *args)
{
    PyObject *features, *baseline, *out;
    Py_buffer view;
    int question;
    if (!PyArg_ParseTuple(args, "OOOi", &features, &baseline, &out, &question) ||
        vibpy_int16_buffer(out, &view, -1, PyBUF_WRITABLE) < 0) {
        return NULL;
    }
    int failed = apply(self, features, baseline, view.buf, view.len / 2, question);
    PyBuffer_Release(&view);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef model_methods[] = {
    { "config", (PyCFunction)model_config, METH_NOARGS, "The configuration the model was made for, a dict." },
    { "meta", (PyCFunction)model_meta, METH_NOARGS, "Name, digest, classes, thresholds and times, a dict." },
    { "centre", (PyCFunction)model_centre, METH_O,
      "centre(out): the healthy level of each feature, without a baseline." },
    { "score", (PyCFunction)model_score, METH_VARARGS, "score(features, baseline=None) -> anomaly score, int." },
    { "classify", (PyCFunction)model_classify, METH_VARARGS, "classify(features, baseline=None) -> class index." },
    { "outside", (PyCFunction)model_outside, METH_O,
      "outside(features) -> whether that is no machine as trained on, for want of a baseline." },
    { "place", (PyCFunction)model_place, METH_O,
      "place(features) -> where on the line they lie best, 1/256 octave from the centre's place." },
    { "far", (PyCFunction)model_far, METH_VARARGS,
      "far(features, usual) -> score of a machine far from what it learnt, usual by its line." },
    { "line", (PyCFunction)model_line, METH_O, "line(out): how features move along it, steps an octave." },
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
PyType_Spec vibpy_model_spec = { "vib.Model", sizeof(ModelObject), 0, Py_TPFLAGS_DEFAULT, model_slots };
