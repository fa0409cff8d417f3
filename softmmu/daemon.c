/*
 * -daemonize and -pidfile: see daemon.h. Main thread.
 */
#include "softmmu/daemon.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* In the original process: waits for word from the child, and ends as it says. */
static G_GNUC_NORETURN void wait_for_child(int fd)
{
    char byte;
    ssize_t n;
    do {
        n = read(fd, &byte, 1);
    } while (n < 0 && errno == EINTR);
    _exit(n == 1 ? 0 : 1);
}

bool daemon_begin(Daemon *daemon, bool background, GError **error)
{
    int fds[2];
    *daemon = (Daemon){-1, -1, NULL};
    if (!background) {
        return true;
    }
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return error_set_errno(error, errno, "-daemonize: cannot make a pipe");
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        return error_set_errno(error, errno, "-daemonize: cannot make a process");
    }
    if (pid > 0) {
        close(fds[1]);
        wait_for_child(fds[0]);
    }
    close(fds[0]);
    daemon->parent = fds[1];
    setsid();
    return true;
}

static bool write_pid(Daemon *daemon, const char *path, GError **error)
{
    char text[24];
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        return error_set_errno(error, errno, "-pidfile: cannot create '%s'", path);
    }
    daemon->pid_fd = fd;
    if (lockf(fd, F_TLOCK, 0) != 0) {
        return error_set(error,
                         "-pidfile: '%s' belongs to another running process; name another file",
                         path);
    }
    int len = g_snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || write(fd, text, len) != len) {
        return error_set_errno(error, errno, "-pidfile: cannot write '%s'", path);
    }
    daemon->pid_path = g_canonicalize_filename(path, NULL);
    return true;
}

bool daemon_ready(Daemon *daemon, const char *pid_path, GError **error)
{
    if (pid_path && !write_pid(daemon, pid_path, error)) {
        return false;
    }
    if (daemon->parent < 0) {
        return true;
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) {
        return error_set_errno(error, errno, "-daemonize: cannot open /dev/null");
    }
    fflush(NULL);
    for (int fd = 0; fd < 3; fd++) {
        dup2(null, fd);
    }
    if (null > 2) {
        close(null);
    }
    bool told = write(daemon->parent, "", 1) == 1;
    close(daemon->parent);
    daemon->parent = -1;
    return told || error_set(error, "-daemonize: whoever started this has gone");
}

void daemon_end(Daemon *daemon)
{
    if (daemon->pid_path) {
        unlink(daemon->pid_path);
        g_free(daemon->pid_path);
    }
    if (daemon->pid_fd >= 0) {
        close(daemon->pid_fd);
    }
    if (daemon->parent >= 0) {
        close(daemon->parent);
    }
}
