/*
 * Raw mode of the terminal: see terminal.h.
 *
 * Settings are put back by the back end's close, by atexit(), and on abort(). A process stopped and
 * continued finds the terminal as the shell left it: the handler of SIGCONT sets raw mode again,
 * but only in the foreground, because from the background it would be stopped (or, worse, change
 * the shell's own terminal).
 */
#include "ui/terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved, raw;
static volatile sig_atomic_t is_raw;
static int nonblocking_fd = -1; /* that was made non-blocking in place */

static bool in_foreground(void)
{
    return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void on_continue(int signal)
{
    int err = errno;
    if (is_raw && in_foreground()) {
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    errno = err;
}

/* Ahead of the end that abort() brings. */
static void on_abort(int signal)
{
    terminal_restore();
}

static void at_exit(void)
{
    terminal_restore();
    terminal_close_output(nonblocking_fd);
}

static void install_handlers(void)
{
    static bool installed;
    if (!installed) {
        struct sigaction action = {.sa_handler = on_continue, .sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        sigaction(SIGCONT, &action, NULL);
        action.sa_handler = on_abort;
        sigaction(SIGABRT, &action, NULL);
        atexit(at_exit);
        installed = true;
    }
}

void terminal_set_raw(bool signals)
{
    if (!isatty(STDIN_FILENO) || (!is_raw && tcgetattr(STDIN_FILENO, &saved) < 0)) {
        return;
    }
    raw = saved;
    raw.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
    if (!signals) {
        raw.c_lflag &= ~ISIG;
    }
    /* c_oflag stays: messages of this process and others end in a bare newline. */
    raw.c_cflag = (raw.c_cflag & ~(CSIZE | PARENB)) | CS8;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    install_handlers();
    is_raw = 1;
    if (in_foreground()) {
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
}

void terminal_restore(void)
{
    if (is_raw) {
        is_raw = 0;
        if (in_foreground()) {
            tcsetattr(STDIN_FILENO, TCSANOW, &saved);
        }
    }
}

int terminal_open_output(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode)) {
        return fd; /* never blocks, and the offset has to stay a shared one; or has MSG_DONTWAIT */
    }
    /* O_NONBLOCK is a property of the open file, which the shell and standard error share: open it
     * anew. */
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0) {
        return own;
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK) && !fcntl(fd, F_SETFL, flags | O_NONBLOCK)) {
        nonblocking_fd = fd;
        install_handlers();
    }
    return fd;
}

void terminal_close_output(int fd)
{
    if (fd > STDERR_FILENO) {
        close(fd);
    } else if (fd >= 0 && fd == nonblocking_fd) {
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
        nonblocking_fd = -1;
    }
}
