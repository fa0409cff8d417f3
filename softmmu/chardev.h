/*
 * Character streams: what a serial port, a virtio console or a monitor is connected to.
 *
 * A back end (stdio, file, socket, pty) implements CharOps; a front end (a device, the monitor) sets
 * handlers. All calls are on the main thread or hold the machine lock. Output never blocks: what a slow
 * reader does not take is buffered up to a bound and then dropped.
 */
#ifndef AMPHI_CHARDEV_H
#define AMPHI_CHARDEV_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct Chardev Chardev;

typedef enum CharEvent {
    CHAR_EVENT_OPENED, /* somebody is at the other end */
    CHAR_EVENT_CLOSED, /* ... is gone */
    CHAR_EVENT_BREAK,
    CHAR_EVENT_FOCUS,   /* on a multiplexer: input comes here from now on */
    CHAR_EVENT_UNFOCUS, /* ... goes elsewhere */
} CharEvent;

typedef struct CharOps {
    const char *name; /* as in -chardev: "stdio", "file", "socket", "pty", "null", "mux" */
    void (*write)(Chardev *chr, const uint8_t *buf, size_t len);
    /* The front end can take input again. May be NULL. */
    void (*accept_input)(Chardev *chr);
    /* Releases what the back end made, except the struct itself. May be NULL. */
    void (*close)(Chardev *chr);
    /* A front end was connected or disconnected. May be NULL. */
    void (*handlers_changed)(Chardev *chr);
} CharOps;

/* Front-end handlers. */
typedef struct CharHandlers {
    size_t (*can_receive)(void *opaque); /* bytes it can take now */
    void (*receive)(void *opaque, const uint8_t *buf, size_t len);
    void (*event)(void *opaque, CharEvent event); /* may be NULL */
    /* The character device is going to be freed and must not be used again. May be NULL. */
    void (*released)(void *opaque);
    bool background; /* does not take a multiplexer's input when it connects (monitors) */
} CharHandlers;

/* A back end has this first in a zeroed struct from g_malloc0(). */
struct Chardev {
    const CharOps *ops;
    char *id;
    char *label; /* for `info chardev`: "unix:/tmp/sock,server=on" */
    const CharHandlers *handlers;
    void *opaque; /* of the handlers */
    bool open;    /* somebody is at the other end, as told by chardev_event() */
    bool ended;   /* atomic: there will be no more input */
    GArray *fds;  /* descriptors that came with input and that nobody took yet; NULL: none */
    FILE *log;    /* gets a copy of the output (logfile=); NULL: none */
};

/* Closes the back end and frees everything; @chr may be NULL. Front ends go first or are told. */
void chardev_free(Chardev *chr);

/* Connects a front end; NULL handlers disconnect. If the device is open, the front end's event function is
 * called with CHAR_EVENT_OPENED. */
void chardev_set_handlers(Chardev *chr, const CharHandlers *handlers, void *opaque);

/* Writes for a front end; @chr may be NULL (discards). */
void chardev_write(Chardev *chr, const void *buf, size_t len);

/* The first file descriptor that came with input, as over a unix socket; the caller's from now on. -1: none came. */
int chardev_take_fd(Chardev *chr);
void chardev_drop_fds(Chardev *chr);

/* The front end has room again. */
void chardev_accept_input(Chardev *chr);

/* For back ends: hands input to the front end as far as it takes it; returns the bytes taken. */
size_t chardev_receive(Chardev *chr, const uint8_t *buf, size_t len);
void chardev_event(Chardev *chr, CharEvent event);

#endif
