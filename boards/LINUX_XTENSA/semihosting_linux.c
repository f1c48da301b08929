// The overlay's semihosting calls, answered by Linux.
#include "linux.h"
#include "semihosting.h"

enum {
    CREATE = 0100,
    TRUNCATE = 01000,
    APPEND = 02000,
    SEEK_FROM_START = 0,
    SEEK_FROM_HERE = 1,
    SEEK_FROM_END = 2
};

static int32_t last_errno;

static int32_t noting_errno(int32_t result)
{
    if (result < 0) {
        last_errno = -result;
        return -1;
    }
    return result;
}

// Modes 0 to 11 are r, rb, r+, r+b, w, ..., a+b.
static int32_t open_file(const uint32_t *arguments)
{
    static const int32_t kinds[] = { 0, CREATE | TRUNCATE, CREATE | APPEND };
    uint32_t kind = arguments[1] / 4;
    int32_t access = arguments[1] & 2 ? 2 : kind != 0;
    return linux_call(LINUX_OPEN, (intptr_t)arguments[0], kinds[kind] | access, 0666);
}

// Read or write all that can be; the bytes left over, or a number too large where nothing went.
static int32_t transfer(int32_t number, const uint32_t *arguments)
{
    uint32_t left = arguments[2];
    intptr_t at = (intptr_t)arguments[1];
    while (left > 0) {
        int32_t done = noting_errno(linux_call(number, (intptr_t)arguments[0], at, (intptr_t)left));
        if (done < 0 && left == arguments[2]) {
            return -1;
        }
        if (done <= 0) {
            break;
        }
        at += done;
        left -= (uint32_t)done;
    }
    return (int32_t)left;
}

static int32_t file_length(int32_t handle)
{
    int32_t here = linux_call(LINUX_LSEEK, handle, 0, SEEK_FROM_HERE);
    int32_t end = noting_errno(linux_call(LINUX_LSEEK, handle, 0, SEEK_FROM_END));
    linux_call(LINUX_LSEEK, handle, here, SEEK_FROM_START);
    return end;
}

int32_t semihosting_call(int32_t operation, const void *argument)
{
    const uint32_t *arguments = argument;
    switch (operation) {
    case SEMIHOSTING_OPEN:
        return noting_errno(open_file(arguments));
    case SEMIHOSTING_CLOSE:
        return noting_errno(linux_call(LINUX_CLOSE, (intptr_t)arguments[0], 0, 0));
    case SEMIHOSTING_WRITE:
        return transfer(LINUX_WRITE, arguments);
    case SEMIHOSTING_READ:
        return transfer(LINUX_READ, arguments);
    case SEMIHOSTING_SEEK:
        return noting_errno(linux_call(LINUX_LSEEK, (intptr_t)arguments[0], (intptr_t)arguments[1], SEEK_FROM_START));
    case SEMIHOSTING_FLEN:
        return file_length((int32_t)arguments[0]);
    case SEMIHOSTING_ERRNO:
        return last_errno;
    case SEMIHOSTING_EXIT_EXTENDED:
        return linux_call(LINUX_EXIT_GROUP, (intptr_t)arguments[1], 0, 0);
    default:
        return -1;
    }
}
