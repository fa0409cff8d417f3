/*
 * Character streams, the part between front end and back end: see chardev.h.
 *
 * Nothing here waits or buffers; that is the back ends' business (ui/char-*.c).
 */
#include "softmmu/chardev.h"
#include <unistd.h>

void chardev_free(Chardev *chr)
{
    if (!chr) {
        return;
    }
    const CharHandlers *handlers = chr->handlers;
    chr->handlers = NULL;
    if (handlers && handlers->released) {
        handlers->released(chr->opaque);
    }
    if (chr->ops->close) {
        chr->ops->close(chr);
    }
    if (chr->log) {
        fclose(chr->log);
    }
    chardev_drop_fds(chr);
    g_free(chr->id);
    g_free(chr->label);
    g_free(chr);
}

int chardev_take_fd(Chardev *chr)
{
    if (!chr->fds || !chr->fds->len) {
        return -1;
    }
    int fd = g_array_index(chr->fds, int, 0);
    g_array_remove_index(chr->fds, 0);
    return fd;
}

void chardev_drop_fds(Chardev *chr)
{
    int fd;
    while ((fd = chardev_take_fd(chr)) >= 0) {
        close(fd);
    }
    if (chr->fds) {
        g_array_free(chr->fds, true);
        chr->fds = NULL;
    }
}

void chardev_set_handlers(Chardev *chr, const CharHandlers *handlers, void *opaque)
{
    if (!chr) {
        return;
    }
    chr->handlers = handlers;
    chr->opaque = handlers ? opaque : NULL;
    if (chr->ops->handlers_changed) {
        chr->ops->handlers_changed(chr);
    }
    if (handlers && chr->open && handlers->event) {
        handlers->event(opaque, CHAR_EVENT_OPENED);
    }
    if (handlers) {
        chardev_accept_input(chr); /* what came before anybody was there to take it */
    }
}

void chardev_write(Chardev *chr, const void *buf, size_t len)
{
    if (!chr || !len) {
        return;
    }
    if (chr->log) { /* a failure to log must not disturb the guest */
        size_t written = fwrite(buf, 1, len, chr->log);
        (void)written;
        fflush(chr->log);
    }
    chr->ops->write(chr, buf, len);
}

void chardev_accept_input(Chardev *chr)
{
    if (chr && chr->ops->accept_input) {
        chr->ops->accept_input(chr);
    }
}

size_t chardev_receive(Chardev *chr, const uint8_t *buf, size_t len)
{
    const CharHandlers *handlers = chr->handlers;
    if (!handlers || !handlers->receive) {
        return len; /* nobody wants it */
    }
    size_t taken = 0;
    /* A front end may take a byte at a time, and may disconnect while it does. */
    while (taken < len && chr->handlers == handlers) {
        size_t room = handlers->can_receive ? handlers->can_receive(chr->opaque) : len - taken;
        size_t n = MIN(room, len - taken);
        if (!n) {
            break;
        }
        handlers->receive(chr->opaque, buf + taken, n);
        taken += n;
    }
    return taken;
}

void chardev_event(Chardev *chr, CharEvent event)
{
    if (event == CHAR_EVENT_OPENED) {
        chr->open = true;
    } else if (event == CHAR_EVENT_CLOSED) {
        chr->open = false;
    }
    if (chr->handlers && chr->handlers->event) {
        chr->handlers->event(chr->opaque, event);
    }
}
