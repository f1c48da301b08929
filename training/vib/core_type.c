/* vib.Core: frames in, windows out, features of each. */
#include "binding.h"

#include <limits.h>

typedef struct {
    PyObject_HEAD vib_core_t *core;
    vib_config_t config;
    vib_format_t format; /* of push_raw */
    Py_ssize_t n_features;
} CoreObject;

static PyObject *core_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *dict;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "O", &dict)) {
        return NULL;
    }
    CoreObject *self = (CoreObject *)type->tp_alloc(type, 0);
    if (self && (vibpy_parse_config(dict, &self->config) < 0 || !(self->core = vibpy_make_core(&self->config)))) {
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
    if (vibpy_check(vib_format_check(&f)) < 0) {
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
    if (vibpy_check(vib_format_check(&self->format)) < 0 || !PyArg_ParseTuple(args, "y*|n", &view, &start)) {
        return NULL;
    }
    Py_ssize_t frames = view.len / frame;
    if (view.len % frame || start < 0 || start > frames) {
        PyErr_SetString(PyExc_ValueError, "vib: whole frames of the raw format needed, start within them");
    } else {
        const uint8_t *data = (const uint8_t *)view.buf + start * frame;
        vibpy_check(vib_core_push_raw(self->core, &self->format, data, (size_t)(frames - start), &taken));
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

static PyObject *core_course(CoreObject *self, PyObject *speeds)
{
    Py_buffer view;
    if (PyObject_GetBuffer(speeds, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) {
        return NULL;
    }
    bool right = view.itemsize == sizeof(uint32_t) && view.format && view.format[0] == 'I';
    size_t n = right ? (size_t)view.len / sizeof(uint32_t) : 0;
    int status = vib_core_set_course(self->core, view.buf, n);
    Py_ssize_t bytes = view.len;
    PyBuffer_Release(&view);
    if (status == VIB_ERR_LENGTH) {
        return PyErr_Format(PyExc_ValueError, "vib: course of %zd bytes; accepted: array('I') of 2, 3, 5, 9 or 17",
                            bytes);
    }
    return PyBool_FromLong(status == VIB_OK);
}

static PyObject *core_rate(CoreObject *self, PyObject *args)
{
    unsigned int millihz;
    if (!PyArg_ParseTuple(args, "I", &millihz) || vibpy_check(vib_core_set_rate(self->core, millihz)) < 0) {
        return NULL;
    }
    return Py_NewRef(Py_None);
}

static PyObject *core_full_scale(CoreObject *self, PyObject *args)
{
    unsigned int counts;
    if (!PyArg_ParseTuple(args, "I", &counts)) {
        return NULL;
    }
    if (counts > 32768) {
        return PyErr_Format(PyExc_ValueError, "vib: full scale of %u counts; accepted: 0 to 32768", counts);
    }
    vib_core_set_full_scale(self->core, counts);
    return Py_NewRef(Py_None);
}

static PyObject *core_clipped(CoreObject *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLong(vib_core_clipped(self->core));
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

static PyObject *core_slow_windows(CoreObject *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLong(vib_core_slow_windows(self->core));
}

static PyObject *core_features(CoreObject *self, PyObject *out)
{
    Py_buffer view;
    if (vibpy_int16_buffer(out, &view, self->n_features, PyBUF_WRITABLE) < 0) {
        return NULL;
    }
    int failed = vibpy_check(vib_core_features(self->core, view.buf, (size_t)self->n_features));
    PyBuffer_Release(&view);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *core_step(CoreObject *self, PyObject *args)
{
    Py_buffer view;
    PyObject *out;
    unsigned int work = UINT_MAX;
    bool done = false;
    if (!PyArg_ParseTuple(args, "O|I", &out, &work) ||
        vibpy_int16_buffer(out, &view, self->n_features, PyBUF_WRITABLE) < 0) {
        return NULL;
    }
    int failed = vibpy_check(vib_core_step(self->core, view.buf, (size_t)self->n_features, work, &done));
    PyBuffer_Release(&view);
    return failed ? NULL : PyBool_FromLong(done);
}

static PyObject *core_feature_name(CoreObject *self, PyObject *index)
{
    char name[VIB_FEATURE_NAME_SIZE];
    Py_ssize_t i = PyLong_AsSsize_t(index);
    if (PyErr_Occurred() || vibpy_check(vib_feature_name(&self->config, (size_t)i, name)) < 0) {
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
    { "course", (PyCFunction)core_course, METH_O,
      "course(speeds): those in the window held, array('I') of millihertz; whether it can be followed." },
    { "rate", (PyCFunction)core_rate, METH_VARARGS, "rate(millihz): at which samples really come." },
    { "full_scale", (PyCFunction)core_full_scale, METH_VARARGS,
      "full_scale(counts): from which on a sample is clipped; 0: none is." },
    { "clipped", (PyCFunction)core_clipped, METH_NOARGS, "Clipped samples taken since the last time this was asked." },
    { "ready", (PyCFunction)core_ready, METH_NOARGS, "Whether a whole window is held." },
    { "gap", (PyCFunction)core_gap, METH_NOARGS, "Samples were lost: forget the partial window." },
    { "slow_windows", (PyCFunction)core_slow_windows, METH_NOARGS,
      "Slow windows since the start or the last gap, whose last one's features are given; 0: those are 0." },
    { "features", (PyCFunction)core_features, METH_O, "features(out): the window's features, then on by one hop." },
    { "step", (PyCFunction)core_step, METH_VARARGS,
      "step(out, work=all): features() in steps of about so many instructions; whether they are all there." },
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
PyType_Spec vibpy_core_spec = { "vib.Core", sizeof(CoreObject), 0, Py_TPFLAGS_DEFAULT, core_slots };
