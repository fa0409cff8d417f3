/*
 * The last output, kept in memory for who asks for it later: -chardev ringbuf, and ringbuf-read in QMP.
 */
#include "ui/char-internal.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include <string.h>

typedef struct CharRing {
    Chardev chr;
    size_t size;       /* a power of two */
    uint64_t put, got; /* bytes ever written, and taken or lost */
    uint8_t *bytes;
} CharRing;

static void ring_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    CharRing *s = (CharRing *)chr;
    for (size_t i = 0; i < len; i++) {
        s->bytes[s->put++ & (s->size - 1)] = buf[i];
    }
    if (s->put - s->got > s->size) {
        s->got = s->put - s->size; /* the oldest are lost */
    }
}

static void ring_close(Chardev *chr)
{
    g_free(((CharRing *)chr)->bytes);
}

static const CharOps ring_ops = {.name = "ringbuf", .write = ring_write, .close = ring_close};

Chardev *char_ringbuf_new(Machine *machine, const char *id, uint64_t size, GError **error)
{
    if (!is_pow2(size) || size > GIB) {
        error_set(error, "%s: size of a ring buffer must be a power of two, up to 1G", id);
        return NULL;
    }
    CharRing *s = g_new0(CharRing, 1);
    s->size = size;
    s->bytes = g_malloc0(size);
    char_register(machine, &s->chr, &ring_ops, id, g_strdup("ringbuf"));
    chardev_event(&s->chr, CHAR_EVENT_OPENED);
    return &s->chr;
}

GByteArray *chardev_ringbuf_read(Machine *machine, const char *id, size_t max, GError **error)
{
    Chardev *chr = machine_find_chardev(machine, id);
    if (!chr || chr->ops != &ring_ops) {
        error_set(error, chr ? "%s is not a ringbuf device" : "Device '%s' not found", id);
        return NULL;
    }
    CharRing *s = (CharRing *)chr;
    GByteArray *out = g_byte_array_new();
    for (; out->len < max && s->got < s->put; s->got++) {
        g_byte_array_append(out, &s->bytes[s->got & (s->size - 1)], 1);
    }
    return out;
}
