/*
 * What the parts of semihosting share: its state, and its files.
 */
#ifndef AMPHI_SEMIHOSTING_INTERNAL_H
#define AMPHI_SEMIHOSTING_INTERNAL_H

#include "softmmu/semihosting.h"

#define SEMI_HANDLES 64
#define SEMI_INPUT_SIZE 1024

typedef enum SemiKind {
    SEMI_CLOSED,
    SEMI_STDIN,
    SEMI_STDOUT,
    SEMI_STDERR,
    SEMI_FEATURES, /* the file ":semihosting-features" */
    SEMI_FILE,
    SEMI_KINDS
} SemiKind;

typedef struct SemiHandle {
    uint8_t kind;      /* SemiKind */
    uint32_t position; /* of SEMI_FEATURES */
    int fd;            /* of SEMI_FILE */
} SemiHandle;

typedef struct Semihosting {
    Device dev;
    bool userspace;
    Chardev *console;
    int directory;        /* -1: no files */
    char *directory_path; /* as an absolute path */
    char *arguments;
    uint32_t last_error;              /* errno of the last call that failed */
    SemiHandle handles[SEMI_HANDLES]; /* handle n is at n - 1 */
    /* Input: from the main thread to vCPUs that wait for it. */
    GMutex lock; /* guards what follows; a leaf */
    GCond arrived;
    uint8_t input[SEMI_INPUT_SIZE];
    unsigned input_len;
} Semihosting;

/* All of these: machine lock held; 0 or an errno value, unless they say otherwise. */

/* Opens @path by the operation's @mode; sets *@handle. */
int semi_open(Semihosting *s, const char *path, unsigned mode, unsigned *handle);
int semi_close(Semihosting *s, uint64_t handle);
void semi_close_all(Semihosting *s);
/* NULL if @handle is not open. */
SemiHandle *semi_handle(Semihosting *s, uint64_t handle);
/* Bytes transferred to *@done; fewer than @len at a file's end. Not for the console. */
int semi_file_read(SemiHandle *handle, void *buf, size_t len, size_t *done);
int semi_file_write(SemiHandle *handle, const void *buf, size_t len, size_t *done);
int semi_file_seek(SemiHandle *handle, uint64_t position);
int semi_file_length(SemiHandle *handle, uint64_t *length);
int semi_remove(Semihosting *s, const char *path);
int semi_rename(Semihosting *s, const char *from, const char *to);

#endif
