#include <string.h>

#include "extmod/vfs.h"
#include "host_file.h"
#include "py/builtin.h"
#include "py/mperrno.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "semihosting.h"

typedef struct {
    mp_obj_base_t base;
    int32_t handle;             // -1 when closed
    uint32_t position;          // semihosting does not tell it
} host_file_t;

static const mp_obj_type_t host_binary_file_type;
static const mp_obj_type_t host_text_file_type;

// Return QEMU's handle, -1 if the file cannot be opened. `mode` is an index into "r", "rb", "r+", "r+b", "w", ...
static int32_t host_open(const char *path, uint32_t mode)
{
    while (*path == '/') {
        ++path;
    }
    uint32_t arguments[] = { (uint32_t)(uintptr_t)path, mode, strlen(path) };
    return semihosting_call(SEMIHOSTING_OPEN, arguments);
}

static int32_t call_with_handle(int32_t operation, int32_t handle)
{
    return semihosting_call(operation, &handle);
}

static int host_errno(void)
{
    int32_t code = semihosting_call(SEMIHOSTING_ERRNO, NULL);
    return code > 0 ? code : MP_EIO;
}

bool host_file_exists(const char *path)
{
    int32_t handle = host_open(path, 1);
    if (handle < 0) {
        return false;
    }
    call_with_handle(SEMIHOSTING_CLOSE, handle);
    return true;
}

// ---- The file object ----

// Move `size` bytes between `data` and the host; MP_STREAM_ERROR on failure. Semihosting answers the bytes left over.
static mp_uint_t transfer(int32_t operation, mp_obj_t self_in, const void *data, mp_uint_t size, int *errcode)
{
    host_file_t *self = MP_OBJ_TO_PTR(self_in);
    uint32_t arguments[] = { (uint32_t)self->handle, (uint32_t)(uintptr_t)data, size };
    uint32_t left = self->handle < 0 ? UINT32_MAX : (uint32_t)semihosting_call(operation, arguments);
    if (left > size) {
        *errcode = self->handle < 0 ? MP_EBADF : host_errno();
        return MP_STREAM_ERROR;
    }
    self->position += size - left;
    return size - left;
}

static mp_uint_t host_file_read(mp_obj_t self_in, void *data, mp_uint_t size, int *errcode)
{
    return transfer(SEMIHOSTING_READ, self_in, data, size, errcode);
}

static mp_uint_t host_file_write(mp_obj_t self_in, const void *data, mp_uint_t size, int *errcode)
{
    return transfer(SEMIHOSTING_WRITE, self_in, data, size, errcode);
}

static mp_uint_t host_file_seek(host_file_t *self, struct mp_stream_seek_t *seek, int *errcode)
{
    int32_t origin = 0;
    if (seek->whence == MP_SEEK_CUR) {
        origin = (int32_t)self->position;
    } else if (seek->whence == MP_SEEK_END) {
        origin = call_with_handle(SEMIHOSTING_FLEN, self->handle);
    }
    uint32_t arguments[] = { (uint32_t)self->handle, (uint32_t)(origin + (int32_t)seek->offset) };
    if (origin < 0 || semihosting_call(SEMIHOSTING_SEEK, arguments) < 0) {
        *errcode = MP_EINVAL;
        return MP_STREAM_ERROR;
    }
    self->position = arguments[1];
    seek->offset = (mp_off_t)self->position;
    return 0;
}

static mp_uint_t host_file_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t argument, int *errcode)
{
    host_file_t *self = MP_OBJ_TO_PTR(self_in);
    switch (request) {
    case MP_STREAM_SEEK:
        return host_file_seek(self, (struct mp_stream_seek_t *)argument, errcode);
    case MP_STREAM_FLUSH:
        return 0;
    case MP_STREAM_CLOSE:
        if (self->handle >= 0) {
            call_with_handle(SEMIHOSTING_CLOSE, self->handle);
            self->handle = -1;
        }
        return 0;
    default:
        *errcode = MP_EINVAL;
        return MP_STREAM_ERROR;
    }
}

static const mp_rom_map_elem_t host_file_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&mp_stream_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_stream_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_readline), MP_ROM_PTR(&mp_stream_unbuffered_readline_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_stream_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_seek), MP_ROM_PTR(&mp_stream_seek_obj) },
    { MP_ROM_QSTR(MP_QSTR_tell), MP_ROM_PTR(&mp_stream_tell_obj) },
    { MP_ROM_QSTR(MP_QSTR_flush), MP_ROM_PTR(&mp_stream_flush_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&mp_stream_close_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&mp_identity_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&mp_stream___exit___obj) },
};
static MP_DEFINE_CONST_DICT(host_file_locals, host_file_locals_table);

static const mp_stream_p_t host_binary_stream = {
    .read = host_file_read,
    .write = host_file_write,
    .ioctl = host_file_ioctl,
};

static const mp_stream_p_t host_text_stream = {
    .read = host_file_read,
    .write = host_file_write,
    .ioctl = host_file_ioctl,
    .is_text = true,
};

static MP_DEFINE_CONST_OBJ_TYPE(host_binary_file_type, MP_QSTR_HostFile, MP_TYPE_FLAG_ITER_IS_STREAM, protocol,
                                &host_binary_stream, locals_dict, &host_file_locals);

static MP_DEFINE_CONST_OBJ_TYPE(host_text_file_type, MP_QSTR_HostFile, MP_TYPE_FLAG_ITER_IS_STREAM, protocol,
                                &host_text_stream, locals_dict, &host_file_locals);

// ---- The file system ----

enum {
    MODES_A_KIND = 4,
    MODE_APPEND = 2 * MODES_A_KIND
};

// Semihosting's number of an open() mode such as "rb" or "w+"; ValueError for anything else.
static uint32_t mode_number(const char *mode)
{
    static const char kinds[] = "rwa";
    const char *kind = strchr(kinds, mode[0]);
    bool is_known = mode[0] != '\0' && kind != NULL && strspn(mode + 1, "bt+") == strlen(mode + 1);
    if (!is_known) {
        mp_raise_ValueError(MP_ERROR_TEXT("mode must be r, w or a, with b and + as wanted"));
    }
    bool binary = strchr(mode, 'b') != NULL;
    bool update = strchr(mode, '+') != NULL;
    return (uint32_t)(kind - kinds) * MODES_A_KIND + (update ? 2 : 0) + (binary ? 1 : 0);
}

static mp_obj_t host_files_open(mp_obj_t self_in, mp_obj_t path_in, mp_obj_t mode_in)
{
    (void)self_in;
    uint32_t mode = mode_number(mp_obj_str_get_str(mode_in));
    host_file_t *file = mp_obj_malloc(host_file_t, mode & 1 ? &host_binary_file_type : &host_text_file_type);
    file->position = 0;
    file->handle = host_open(mp_obj_str_get_str(path_in), mode | 1);
    if (file->handle < 0) {
        mp_raise_OSError_with_filename(host_errno(), mp_obj_str_get_str(path_in));
    }
    if (mode >= MODE_APPEND) {
        // QEMU 7.2 opens for appending yet starts at 0.
        struct mp_stream_seek_t end = { .offset = 0, .whence = MP_SEEK_END };
        int errcode = 0;
        host_file_seek(file, &end, &errcode);
    }
    return MP_OBJ_FROM_PTR(file);
}
static MP_DEFINE_CONST_FUN_OBJ_3(host_files_open_obj, host_files_open);

static mp_obj_t host_files_mount_method(mp_obj_t self_in, mp_obj_t readonly, mp_obj_t mkfs)
{
    (void)self_in;
    (void)readonly;
    (void)mkfs;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(host_files_mount_obj, host_files_mount_method);

static mp_import_stat_t host_files_import_stat(void *self, const char *path)
{
    (void)self;
    // A folder can be opened too; only what has a suffix is taken for a file.
    return strchr(path, '.') != NULL && host_file_exists(path) ? MP_IMPORT_STAT_FILE : MP_IMPORT_STAT_NO_EXIST;
}

static const mp_rom_map_elem_t host_files_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_mount), MP_ROM_PTR(&host_files_mount_obj) },
    { MP_ROM_QSTR(MP_QSTR_open), MP_ROM_PTR(&host_files_open_obj) },
};
static MP_DEFINE_CONST_DICT(host_files_locals, host_files_locals_table);

static const mp_vfs_proto_t host_files_protocol = {
    .import_stat = host_files_import_stat,
};

static MP_DEFINE_CONST_OBJ_TYPE(host_files_type, MP_QSTR_HostFiles, MP_TYPE_FLAG_NONE, protocol, &host_files_protocol,
                                locals_dict, &host_files_locals);

static const mp_obj_base_t host_files = { &host_files_type };

void host_files_mount(void)
{
    mp_obj_t arguments[] = { MP_OBJ_FROM_PTR(&host_files), MP_OBJ_NEW_QSTR(MP_QSTR__slash_) };
    mp_vfs_mount(MP_ARRAY_SIZE(arguments), arguments, (mp_map_t *)&mp_const_empty_map);
    MP_STATE_VM(vfs_cur) = MP_STATE_VM(vfs_mount_table);
}
