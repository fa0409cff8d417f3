/*
 * What the character back ends share: see chardev.h for what they are.
 *
 * Threads: sources run on the main thread with the machine lock held; chardev_write() may come from
 * a vCPU's thread, with the lock.
 */
#ifndef AMPHI_UI_CHAR_INTERNAL_H
#define AMPHI_UI_CHAR_INTERNAL_H

#include "ui/chardev.h"

/* Output that a slow reader has not taken; what goes beyond is dropped. */
#define CHAR_BUFFER_LIMIT (1u << 20)

/* A stream to and from file descriptors, on behalf of a back end. */
typedef struct CharFd {
    Chardev *chr;
    GMainContext *context;
    int in, out; /* -1: none; may be the same */
    bool is_socket;
    GSource *in_source, *out_source;
    GByteArray *pending; /* output not yet taken; from pending_start on */
    size_t pending_start;
    uint64_t dropped;   /* bytes, since the buffer was last empty */
    bool out_failed;    /* writing is over until the stream is replaced */
    uint8_t held[4096]; /* input that the front end has not taken */
    size_t held_start, held_end;
    /* The other end is gone; called from the main loop. May stop the stream; NULL: reading just
     * ends. */
    void (*hangup)(Chardev *chr);
    /* Takes out of @len bytes of input what is not for the front end; returns how many are left. NULL: all are. */
    size_t (*filter)(Chardev *chr, uint8_t *buf, size_t len);
} CharFd;

/* Starts the stream: reads @in while the front end takes input. Non-blocking mode of the
 * descriptors is the caller's business; they stay its own. */
void char_fd_start(CharFd *s, Chardev *chr, GMainContext *context, int in, int out);

/* Ends it and drops what is pending. May be called again, or without a start. */
void char_fd_stop(CharFd *s);

/* Gives the reader up to @timeout_ms to take what is pending, as long as it takes something. */
void char_fd_drain(CharFd *s, int timeout_ms);

void char_fd_write(CharFd *s, const uint8_t *buf, size_t len);
void char_fd_accept_input(CharFd *s);

/* One line to the log about @chr, unless standard error would block. */
void char_warn(const Chardev *chr, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Runs @fn(@data) on @context after @ms, repeatedly while it returns true. */
GSource *char_timer(GMainContext *context, unsigned ms, GSourceFunc fn, void *data);
/* Runs @fn(@fd, condition, @data) while @condition holds for @fd. */
GSource *char_watch(GMainContext *context, int fd, GIOCondition condition,
                    gboolean (*fn)(int fd, GIOCondition condition, void *data), void *data);
/* Removes a source and clears the pointer; NULL is fine. */
void char_source_clear(GSource **source);

/* Enters a new device in the machine. Takes @label over. */
void char_register(Machine *machine, Chardev *chr, const CharOps *ops, const char *id, char *label);

/* Telnet, see char-telnet.c. What a server sends first; what is left of input, with @state of the last time (0 at
 * first), and whether a break was among it; output. */
#define CHAR_TELNET_GREETING 12
extern const uint8_t char_telnet_greeting[CHAR_TELNET_GREETING];
size_t char_telnet_input(uint8_t *state, uint8_t *buf, size_t len, bool *pressed_break);
void char_telnet_output(CharFd *fd, const uint8_t *buf, size_t len);

/* The back ends. All return NULL with @error set on failure. */
Chardev *char_null_new(Machine *machine, const char *id);
Chardev *char_stdio_new(Machine *machine, const char *id, bool signals, GError **error);
Chardev *char_file_new(Machine *machine, const char *id, const char *path, const char *input,
                       bool append, GError **error);
Chardev *char_ringbuf_new(Machine *machine, const char *id, uint64_t size, GError **error);
/* Two FIFOs, @path with .in and .out, or one for both directions. */
Chardev *char_pipe_new(Machine *machine, const char *id, const char *path, GError **error);
Chardev *char_pty_new(Machine *machine, const char *id, GError **error);

typedef struct CharSocketConfig {
    const char *path;        /* of a unix socket, or */
    const char *host, *port; /* tcp, or */
    int fd;                  /* inherited: listening with @server, else connected; -1: none */
    bool server, wait, nodelay, telnet;
    unsigned reconnect_ms; /* of a client; 0: never */
} CharSocketConfig;

Chardev *char_socket_new(Machine *machine, const char *id, const CharSocketConfig *config,
                         GError **error);

/* A multiplexer over @base. It is itself a channel; more are made by char_mux_channel(). */
Chardev *char_mux_new(Machine *machine, const char *id, Chardev *base);
bool char_is_mux(const Chardev *chr);
Chardev *char_mux_channel(Machine *machine, const char *id, Chardev *mux);

#endif
