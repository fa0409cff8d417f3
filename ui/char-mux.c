/*
 * The multiplexer: several front ends (serial ports, monitors) share one terminal.
 *
 * Each front end has a Chardev of its own, a channel. Everybody's output goes to the terminal;
 * input goes to the channel in focus, which Ctrl-A C moves to the next one. Ctrl-A is an escape:
 * Ctrl-A H lists what can follow. The channels and the multiplexer may be freed in any order.
 */
#include "ui/char-internal.h"
#include <string.h>

typedef struct CharMux CharMux;

typedef struct MuxChannel {
    Chardev chr;
    CharMux *mux;
    uint8_t input[4096]; /* not yet taken by the front end */
    unsigned input_len;
    bool connected;  /* has a front end */
    bool delivering; /* guard: the front end may ask for more while it takes some */
} MuxChannel;

struct CharMux {
    Machine *machine;
    Chardev *base;       /* NULL once that is gone */
    GPtrArray *channels; /* of MuxChannel; the multiplexer lives as long as one does */
    MuxChannel *focus;   /* NULL while nobody is connected */
    uint8_t escape;
    GSource *focus_source; /* gives the input to somebody, once the main loop runs */
    bool escaped;          /* the last byte of input was the escape */
    bool timestamps, line_start;
    int64_t start_time; /* us */
};

/*
 * Output.
 */

/* Writes with the time in front of each line. */
static void write_stamped(CharMux *mux, const uint8_t *buf, size_t len)
{
    while (len) {
        if (mux->line_start) {
            int64_t ms = (g_get_monotonic_time() - mux->start_time) / 1000;
            char stamp[40];
            int n = g_snprintf(stamp, sizeof(stamp), "[%02d:%02d:%02d.%03d] ", (int)(ms / 3600000),
                               (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
            chardev_write(mux->base, stamp, n);
        }
        const uint8_t *newline = memchr(buf, '\n', len);
        size_t n = newline ? (size_t)(newline - buf) + 1 : len;
        chardev_write(mux->base, buf, n);
        mux->line_start = newline != NULL;
        buf += n;
        len -= n;
    }
}

static void mux_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    CharMux *mux = ((MuxChannel *)chr)->mux;
    if (mux->timestamps) {
        write_stamped(mux, buf, len);
    } else {
        chardev_write(mux->base, buf, len);
        mux->line_start = buf[len - 1] == '\n';
    }
}

static void mux_message(CharMux *mux, const char *text)
{
    chardev_write(mux->base, text, strlen(text));
    mux->line_start = true;
}

/*
 * Focus.
 */

static void set_focus(CharMux *mux, MuxChannel *channel)
{
    MuxChannel *old = mux->focus;
    if (old == channel) {
        return;
    }
    mux->focus = channel;
    if (old && old->connected) {
        chardev_event(&old->chr, CHAR_EVENT_UNFOCUS);
    }
    if (channel) {
        chardev_event(&channel->chr, CHAR_EVENT_FOCUS);
    }
    chardev_accept_input(mux->base); /* this one may have room where the other had none */
}

/* The connected channel after @from (NULL: the first); NULL if there is no other. */
static MuxChannel *next_channel(CharMux *mux, MuxChannel *from)
{
    unsigned n = mux->channels->len, start = 0;
    if (from && g_ptr_array_find(mux->channels, from, &start)) {
        start++;
    }
    for (unsigned i = 0; i < n; i++) {
        MuxChannel *channel = mux->channels->pdata[(start + i) % n];
        if (channel->connected && channel != from) {
            return channel;
        }
    }
    return NULL;
}

static gboolean on_no_focus(void *data)
{
    CharMux *mux = data;
    char_source_clear(&mux->focus_source);
    if (!mux->focus) {
        set_focus(mux, next_channel(mux, NULL));
    }
    return G_SOURCE_REMOVE;
}

/* Finds a new holder of the input, but not before the main loop runs: when a machine is made or
 * ends, the one that has a right to it may be still to come, or all may be about to go. */
static void find_focus_later(CharMux *mux)
{
    if (!mux->focus && !mux->focus_source) {
        mux->focus_source = char_timer(mux->machine->context, 0, on_no_focus, mux);
    }
}

static void mux_handlers_changed(Chardev *chr)
{
    MuxChannel *channel = (MuxChannel *)chr;
    CharMux *mux = channel->mux;
    const CharHandlers *handlers = chr->handlers;
    channel->connected = handlers != NULL;
    channel->input_len = 0;
    if (!handlers) {
        if (mux->focus == channel) {
            mux->focus = NULL;
        }
        find_focus_later(mux);
    } else if (!handlers->background) {
        set_focus(mux, channel); /* the newest serial port has the input */
    } else {
        chardev_event(chr, CHAR_EVENT_UNFOCUS);
        find_focus_later(mux); /* a monitor has it if there is nothing else */
    }
}

/*
 * Input.
 */

/* Hands over what waits, as far as it is taken. */
static void deliver(MuxChannel *channel)
{
    if (channel->delivering) {
        return;
    }
    channel->delivering = true;
    size_t taken = chardev_receive(&channel->chr, channel->input, channel->input_len);
    taken = MIN(taken, channel->input_len); /* it may have disconnected meanwhile */
    memmove(channel->input, channel->input + taken, channel->input_len - taken);
    channel->input_len -= taken;
    channel->delivering = false;
}

static void put_input(CharMux *mux, uint8_t byte)
{
    MuxChannel *channel = mux->focus;
    if (channel && channel->input_len < sizeof(channel->input)) {
        channel->input[channel->input_len++] = byte;
    }
}

static void print_help(CharMux *mux)
{
    char key[16];
    if (mux->escape < 27) {
        g_snprintf(key, sizeof(key), "Ctrl-%c", '@' + mux->escape);
    } else {
        g_snprintf(key, sizeof(key), "0x%02x", mux->escape);
    }
    char *text = g_strdup_printf("\r\n"
                                 "%s H  this help\r\n"
                                 "%s X  end amphi\r\n"
                                 "%s C  switch between the guest's console and the monitor\r\n"
                                 "%s T  show or hide the time at the start of lines\r\n"
                                 "%s B  send a break\r\n"
                                 "%s S  save disks (of -snapshot)\r\n"
                                 "%s %s  send %s itself\r\n",
                                 key, key, key, key, key, key, key, key, key);
    mux_message(mux, text);
    g_free(text);
}

static void handle_command(CharMux *mux, uint8_t byte)
{
    if (byte == mux->escape) {
        put_input(mux, byte);
        return;
    }
    switch (byte) {
    case '?':
    case 'h':
    case 'H': print_help(mux); break;
    case 'x':
    case 'X':
        mux_message(mux, "\r\namphi: terminated\r\n");
        machine_request_quit(mux->machine, 0);
        break;
    case 'c':
    case 'C': {
        MuxChannel *next = next_channel(mux, mux->focus);
        if (next) {
            set_focus(mux, next);
        } else {
            mux_message(mux, "\r\namphi: there is nothing else to switch to\r\n");
        }
        break;
    }
    case 't':
    case 'T':
        mux->timestamps = !mux->timestamps;
        mux->start_time = g_get_monotonic_time();
        break;
    case 'b':
    case 'B':
        if (mux->focus) {
            chardev_event(&mux->focus->chr, CHAR_EVENT_BREAK);
        }
        break;
    case 's':
    case 'S': mux_message(mux, "\r\namphi: saving disks is not there yet\r\n"); break;
    default: break; /* not a command: neither is the escape then input */
    }
}

/* Room for input is that of the channel in focus; without one, input is only looked at for
 * commands. */
static size_t base_can_receive(void *opaque)
{
    CharMux *mux = opaque;
    return mux->focus ? sizeof(mux->focus->input) - mux->focus->input_len
                      : sizeof(mux->focus->input);
}

static void base_receive(void *opaque, const uint8_t *buf, size_t len)
{
    CharMux *mux = opaque;
    for (size_t i = 0; i < len; i++) {
        if (mux->escaped) {
            mux->escaped = false;
            if (mux->focus) {
                deliver(mux->focus); /* what was typed before belongs to whom it was typed for */
            }
            handle_command(mux, buf[i]);
        } else if (buf[i] == mux->escape) {
            mux->escaped = true;
        } else {
            put_input(mux, buf[i]);
        }
    }
    if (mux->focus) {
        deliver(mux->focus);
    }
}

static void base_event(void *opaque, CharEvent event)
{
    CharMux *mux = opaque;
    for (unsigned i = 0; i < mux->channels->len; i++) {
        MuxChannel *channel = mux->channels->pdata[i];
        if (event != CHAR_EVENT_BREAK || channel == mux->focus) {
            chardev_event(&channel->chr, event);
        }
    }
}

static void base_released(void *opaque)
{
    CharMux *mux = opaque;
    mux->base = NULL;
}

static const CharHandlers base_handlers = {
    .can_receive = base_can_receive,
    .receive = base_receive,
    .event = base_event,
    .released = base_released,
};

static void mux_accept_input(Chardev *chr)
{
    MuxChannel *channel = (MuxChannel *)chr;
    deliver(channel);
    if (channel == channel->mux->focus && channel->input_len < sizeof(channel->input)) {
        chardev_accept_input(channel->mux->base);
    }
}

/*
 * Life.
 */

static void mux_close(Chardev *chr)
{
    MuxChannel *channel = (MuxChannel *)chr;
    CharMux *mux = channel->mux;
    g_ptr_array_remove(mux->channels, channel);
    if (mux->focus == channel) {
        mux->focus = NULL;
    }
    if (!mux->channels->len) {
        char_source_clear(&mux->focus_source);
        chardev_set_handlers(mux->base, NULL, NULL);
        g_ptr_array_unref(mux->channels);
        g_free(mux);
    }
}

static const CharOps mux_ops = {
    .name = "mux",
    .write = mux_write,
    .accept_input = mux_accept_input,
    .close = mux_close,
    .handlers_changed = mux_handlers_changed,
};

static Chardev *add_channel(CharMux *mux, const char *id)
{
    MuxChannel *channel = g_new0(MuxChannel, 1);
    channel->mux = mux;
    channel->chr.open = mux->base && mux->base->open;
    g_ptr_array_add(mux->channels, channel);
    char_register(mux->machine, &channel->chr, &mux_ops, id,
                  g_strdup_printf("mux of %s", mux->base ? mux->base->label : "nothing"));
    return &channel->chr;
}

Chardev *char_mux_new(Machine *machine, const char *id, Chardev *base)
{
    CharMux *mux = g_new0(CharMux, 1);
    mux->machine = machine;
    mux->base = base;
    mux->escape = machine->mux_escape ? machine->mux_escape : 1;
    mux->line_start = true;
    mux->channels = g_ptr_array_new();
    Chardev *channel = add_channel(mux, id);
    chardev_set_handlers(base, &base_handlers, mux);
    return channel;
}

bool char_is_mux(const Chardev *chr)
{
    return chr->ops == &mux_ops;
}

Chardev *char_mux_channel(Machine *machine, const char *id, Chardev *mux)
{
    return add_channel(((MuxChannel *)mux)->mux, id);
}
