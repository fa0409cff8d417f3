/*
 * File descriptors that somebody else opened: see fds.h.
 */
#include "softmmu/fds.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SET_PATH "/dev/fdset/"
#define NO_SET (-1)

typedef struct GivenFd {
    int fd, set;         /* NO_SET: it has a name */
    char *name, *opaque; /* may be NULL */
} GivenFd;

static void clear_fd(void *data)
{
    GivenFd *given = data;
    if (given->fd >= 0) {
        close(given->fd);
    }
    g_free(given->name);
    g_free(given->opaque);
}

static GivenFd *nth(Machine *machine, unsigned n)
{
    return machine->fds && n < machine->fds->len ? &g_array_index(machine->fds, GivenFd, n) : NULL;
}

static void append(Machine *machine, GivenFd given)
{
    if (!machine->fds) {
        machine->fds = g_array_new(false, false, sizeof(GivenFd));
        g_array_set_clear_func(machine->fds, clear_fd);
    }
    g_array_append_val(machine->fds, given);
}

void fds_free(Machine *machine)
{
    if (machine->fds) {
        g_array_free(machine->fds, true);
        machine->fds = NULL;
    }
}

static bool has_set(Machine *machine, int set)
{
    const GivenFd *given;
    for (unsigned i = 0; (given = nth(machine, i)) != NULL; i++) {
        if (given->set == set) {
            return true;
        }
    }
    return false;
}

int fds_add(Machine *machine, int fd, int64_t set, const char *opaque, GError **error)
{
    if (set == FDS_NEW_SET) {
        for (set = 0; has_set(machine, set); set++) {
        }
    } else if (set < 0 || set > INT_MAX) {
        close(fd);
        error_set(error, "a set of file descriptors has a number from 0 up");
        return -1;
    }
    append(machine, (GivenFd){.fd = fd, .set = set, .opaque = g_strdup(opaque)});
    return set;
}

bool fds_remove(Machine *machine, int set, int fd)
{
    bool found = false;
    const GivenFd *given;
    for (unsigned i = machine->fds ? machine->fds->len : 0; i-- > 0;) {
        given = nth(machine, i);
        if (given->set == set && (fd == -1 || given->fd == fd)) {
            g_array_remove_index(machine->fds, i);
            found = true;
        }
    }
    return found;
}

bool fds_nth(Machine *machine, unsigned n, int *set, int *fd, const char **opaque)
{
    const GivenFd *given;
    for (unsigned i = 0; (given = nth(machine, i)) != NULL; i++) {
        if (given->set != NO_SET && n-- == 0) {
            *set = given->set;
            *fd = given->fd;
            *opaque = given->opaque;
            return true;
        }
    }
    return false;
}

int fds_open(Machine *machine, const char *path, int flags)
{
    const GivenFd *given;
    char *end;
    if (!g_str_has_prefix(path, SET_PATH)) {
        return open(path, flags | O_CLOEXEC, 0666);
    }
    const char *number = path + strlen(SET_PATH);
    guint64 set = g_ascii_strtoull(number, &end, 10);
    errno = ENOENT;
    for (unsigned i = 0; g_ascii_isdigit(*number) && !*end && (given = nth(machine, i)) != NULL;
         i++) {
        if (given->set < 0 || (guint64)given->set != set) {
            continue;
        }
        int mode = fcntl(given->fd, F_GETFL);
        if (mode >= 0 && (mode & O_ACCMODE) == (flags & O_ACCMODE)) {
            return fcntl(given->fd, F_DUPFD_CLOEXEC, 3);
        }
        errno = EACCES;
    }
    return -1;
}

void fds_name(Machine *machine, const char *name, int fd)
{
    for (unsigned i = machine->fds ? machine->fds->len : 0; i-- > 0;) {
        if (!g_strcmp0(nth(machine, i)->name, name)) {
            g_array_remove_index(machine->fds, i);
        }
    }
    append(machine, (GivenFd){.fd = fd, .set = NO_SET, .name = g_strdup(name)});
}

int fds_take(Machine *machine, const char *text, GError **error)
{
    char *end;
    guint64 number = g_ascii_strtoull(text, &end, 10);
    for (unsigned i = machine->fds ? machine->fds->len : 0; i-- > 0;) {
        GivenFd *given = nth(machine, i);
        if (!g_strcmp0(given->name, text)) {
            int fd = given->fd;
            given->fd = -1;
            g_array_remove_index(machine->fds, i);
            return fd;
        }
    }
    if (g_ascii_isdigit(*text) && !*end && number <= INT_MAX) {
        return number;
    }
    error_set(error, "File descriptor named '%s' not found", text);
    return -1;
}
