// Files of the folder in which QEMU was started, as a MicroPython file system.
#ifndef VIB_HOST_FILE_H
#define VIB_HOST_FILE_H

#include <stdbool.h>

// Mount the folder on "/", so that open() and import find its files. It is flat: sub-folders are not listed.
void host_files_mount(void);

bool host_file_exists(const char *path);

#endif
