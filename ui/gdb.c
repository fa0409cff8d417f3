/*
 * The gdb server: connection, framing of packets, running and stopping. (GDB manual, appendix "Remote
 * Protocol": Overview, Interrupts, Packet Acknowledgment.)
 *
 * While the guest runs for the peer, whatever it sends stops the guest first, as the protocol has nothing
 * else to say then but an interrupt. What the peer sends is not trusted: lengths are bounded, unknown
 * packets get the empty reply.
 */
#include "ui/gdb-internal.h"
#include "softmmu/base/error.h"
#include "softmmu/cpus.h"
#include "ui/chardev.h"
#include <string.h>

#define INTERRUPT 0x03

/*
 * Sending.
 */

static void send_last(GdbServer *g)
{
    chardev_write(g->chr, g->last->data, g->last->len);
}

void gdb_send(GdbServer *g, const char *data, size_t len)
{
    uint8_t sum = 0;
    char tail[4];

    for (size_t i = 0; i < len; i++) {
        sum += (uint8_t)data[i];
    }
    g_snprintf(tail, sizeof(tail), "#%02x", sum);
    g_byte_array_set_size(g->last, 0);
    g_byte_array_append(g->last, (const uint8_t *)"$", 1);
    g_byte_array_append(g->last, (const uint8_t *)data, len);
    g_byte_array_append(g->last, (const uint8_t *)tail, 3);
    send_last(g);
}

/*
 * Running and stopping.
 */

/* The vCPU that the stop is about, after which the peer's next packets are, too. */
static void choose_stopped(GdbServer *g)
{
    MachineDebug *debug = debug_of(g->machine);
    const Vcpu *vcpu = debug->stopped;
    if (vcpu) {
        g->g_cpu = g->c_cpu = vcpu->index;
    }
}

static unsigned stop_signal(const GdbServer *g)
{
    enum { SIGNAL_INT = 2, SIGNAL_QUIT = 3, SIGNAL_TRAP = 5, SIGNAL_ABORT = 6 }; /* gdb's numbers */
    switch (g->machine->state) {
    case RUN_STATE_SHUTDOWN: return SIGNAL_QUIT;
    case RUN_STATE_INTERNAL_ERROR: return SIGNAL_ABORT;
    default: return g->interrupted && !g->machine->debug->stopped ? SIGNAL_INT : SIGNAL_TRAP;
    }
}

void gdb_append_stop_reply(GdbServer *g, GString *out)
{
    static const char *const watches[DEBUG_KINDS] = {
        [DEBUG_WATCH_WRITE] = "watch",
        [DEBUG_WATCH_READ] = "rwatch",
        [DEBUG_WATCH_ACCESS] = "awatch",
    };
    const MachineDebug *debug = debug_of(g->machine);

    g_string_append_printf(out, "T%02xthread:", stop_signal(g));
    gdb_append_thread(g, g->g_cpu, out);
    g_string_append_c(out, ';');
    if (debug->stopped && debug->why == DEBUG_WHY_WATCH && watches[debug->watch]) {
        g_string_append_printf(out, "%s:%" G_GINT64_MODIFIER "x;", watches[debug->watch],
                               debug->addr);
    }
}

static void cancel_report(GdbServer *g)
{
    if (g->report) {
        g_source_destroy(g->report);
        g_source_unref(g->report);
        g->report = NULL;
    }
}

static void free_vcpus(Machine *machine)
{
    for (unsigned i = 0; i < machine->ncpus; i++) {
        machine->cpus[i]->debug_run = DEBUG_RUN_FREE;
    }
}

/* Tells the peer that the machine has stopped, once it has. */
static void report_stop(GdbServer *g)
{
    cancel_report(g);
    if (!g->resumed || g->machine->state == RUN_STATE_RUNNING) {
        return;
    }
    cpus_pause(g->machine); /* a vCPU may have asked for the stop and not yet be there */
    g->resumed = false;
    free_vcpus(g->machine);
    choose_stopped(g);
    GString *reply = g_string_new(NULL);
    gdb_append_stop_reply(g, reply);
    gdb_send(g, reply->str, reply->len);
    g_string_free(reply, true);
    g->interrupted = false;
}

static gboolean on_report(gpointer data)
{
    report_stop(data);
    return G_SOURCE_REMOVE;
}

/* The machine's run state changed; any thread, with the lock. */
static void on_state(void *opaque, RunState state)
{
    GdbServer *g = opaque;
    if (!g->resumed || state == RUN_STATE_RUNNING) {
        return;
    }
    if (state == RUN_STATE_SHUTDOWN && !g->machine->config.no_shutdown) {
        /* That is the end: the main loop does not come back. */
        g->resumed = false;
        g_autofree char *text =
            g_strdup_printf("W%02x%s",
                            __atomic_load_n(&g->machine->exit_status, __ATOMIC_SEQ_CST) & 0xff,
                            g->multiprocess ? ";process:1" : "");
        gdb_send(g, text, strlen(text));
    } else if (!g->report) {
        g->report = g_idle_source_new();
        g_source_set_priority(g->report, G_PRIORITY_DEFAULT);
        g_source_set_callback(g->report, on_report, g, NULL);
        g_source_attach(g->report, g->machine->context);
    }
}

static void stop_machine(GdbServer *g)
{
    if (g->machine->state == RUN_STATE_RUNNING) {
        machine_stop(g->machine, RUN_STATE_PAUSED);
    }
}

static void interrupt(GdbServer *g)
{
    g->interrupted = true;
    stop_machine(g);
    report_stop(g);
}

void gdb_resume(GdbServer *g)
{
    Machine *machine = g->machine;

    if (machine->state == RUN_STATE_SHUTDOWN || machine->state == RUN_STATE_INTERNAL_ERROR) {
        GString *reply = g_string_new(NULL); /* it has come to its end; system_reset goes on */
        free_vcpus(machine);
        gdb_append_stop_reply(g, reply);
        gdb_send(g, reply->str, reply->len);
        g_string_free(reply, true);
        return;
    }
    debug_commit(machine);
    debug_forget(machine);
    debug_of(machine)->step_interrupts = !(g->step_flags & GDB_STEP_NO_IRQ);
    g->resumed = true;
    g->interrupted = false;
    machine_start(machine);
}

void gdb_let_go(GdbServer *g)
{
    free_vcpus(g->machine);
    debug_remove_all(g->machine);
    debug_commit(g->machine);
    debug_forget(g->machine);
}

void gdb_forget_peer(GdbServer *g)
{
    g->input = GDB_IDLE;
    g->no_ack = g->multiprocess = g->physical = false;
    g->step_flags = GDB_STEP_ALL;
    g->g_cpu = g->c_cpu = 0;
    g->interrupted = false;
    g_byte_array_set_size(g->last, 0);
}

/*
 * Receiving.
 */

static void handle(GdbServer *g)
{
    GString *reply = g_string_new(NULL);

    stop_machine(g); /* the monitor may have started it */
    g->handling = true;
    bool answer;
    if (g->too_long) {
        g_string_append(reply, "E22");
        answer = true;
    } else {
        g->packet[g->len] = 0;
        answer = gdb_handle_packet(g, g->packet, g->len, reply);
    }
    g->handling = false;
    if (answer) {
        gdb_send(g, reply->str, reply->len);
    }
    g_string_free(reply, true);
}

static uint8_t packet_sum(const GdbServer *g)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < g->len; i++) {
        sum += (uint8_t)g->packet[i];
    }
    return sum;
}

static void packet_end(GdbServer *g, uint8_t sum_last)
{
    int high = g_ascii_xdigit_value(g->sum_first), low = g_ascii_xdigit_value(sum_last);
    bool good = high >= 0 && low >= 0 && (g->too_long || packet_sum(g) == high * 16 + low);

    g->input = GDB_IDLE;
    if (!g->no_ack) {
        chardev_write(g->chr, good ? "+" : "-", 1);
    }
    if (good) {
        handle(g);
    }
}

static void idle_byte(GdbServer *g, uint8_t c)
{
    if (c == '$') {
        g->input = GDB_DATA;
        g->len = 0;
        g->too_long = false;
    } else if (c == '-' && !g->no_ack && g->last->len) {
        send_last(g);
    }
}

static void data_byte(GdbServer *g, uint8_t c)
{
    if (c == '#') {
        g->input = GDB_SUM1;
    } else if (c == '$') { /* the last packet's end was lost */
        g->len = 0;
        g->too_long = false;
    } else if (g->len < GDB_PACKET_MAX) {
        g->packet[g->len++] = (char)c;
    } else {
        g->too_long = true;
    }
}

static void gdb_receive(void *opaque, const uint8_t *buf, size_t len)
{
    GdbServer *g = opaque;
    for (size_t i = 0; i < len; i++) {
        if (g->resumed && buf[i] != '+' && buf[i] != '-') {
            interrupt(g);
        }
        switch (g->input) {
        case GDB_IDLE: idle_byte(g, buf[i]); break;
        case GDB_DATA: data_byte(g, buf[i]); break;
        case GDB_SUM1:
            g->sum_first = buf[i];
            g->input = GDB_SUM2;
            break;
        case GDB_SUM2: packet_end(g, buf[i]); break;
        }
    }
}

static size_t gdb_can_receive(void *opaque)
{
    return 4096;
}

/*
 * The connection.
 */

static void peer_came(GdbServer *g)
{
    gdb_forget_peer(g);
    stop_machine(g);
    debug_forget(g->machine);
}

/* Nobody would be told of a stop any more. A guest that was stopped for the peer stays so. */
static void peer_left(GdbServer *g)
{
    bool ran = g->machine->state == RUN_STATE_RUNNING;
    g->resumed = false;
    cancel_report(g);
    stop_machine(g);
    cpus_pause(g->machine);
    gdb_let_go(g);
    gdb_forget_peer(g);
    if (ran) {
        machine_start(g->machine);
    }
}

static void gdb_event(void *opaque, CharEvent event)
{
    GdbServer *g = opaque;
    if (event == CHAR_EVENT_OPENED) {
        peer_came(g);
    } else if (event == CHAR_EVENT_CLOSED) {
        peer_left(g);
    }
}

static void gdb_released(void *opaque)
{
    GdbServer *g = opaque;
    cancel_report(g);
    machine_remove_state_listener(g->machine, on_state, g);
    g->machine->gdb = NULL;
    g_byte_array_free(g->last, true);
    g_free(g);
}

static const CharHandlers gdb_handlers = {
    .can_receive = gdb_can_receive,
    .receive = gdb_receive,
    .event = gdb_event,
    .released = gdb_released,
};

GdbServer *gdb_server_attach(Machine *machine, Chardev *chr)
{
    GdbServer *g = g_new0(GdbServer, 1);
    g->machine = machine;
    g->chr = chr;
    g->last = g_byte_array_new();
    machine->gdb = g;
    gdb_forget_peer(g);
    machine_add_state_listener(machine, on_state, g);
    chardev_set_handlers(chr, &gdb_handlers, g);
    return g;
}

static bool end_server(Machine *machine, GError **error)
{
    GdbServer *g = machine->gdb;
    if (!g) {
        return true;
    }
    if (g->handling) {
        return error_set(error,
                         "the gdb server cannot be ended from within gdb; use another monitor");
    }
    peer_left(g);
    if (g->owns_chr) {
        g_ptr_array_remove(machine->chardevs, g->chr); /* frees it, and so the server */
    } else {
        chardev_set_handlers(g->chr, NULL, NULL);
        gdb_released(g);
    }
    return true;
}

/* @device with what is implied for sockets. */
static char *complete_device(const char *device)
{
    bool tcp = g_str_has_prefix(device, "tcp:"), local = g_str_has_prefix(device, "unix:");
    if (!tcp && !local) {
        return g_strdup(device);
    }
    GString *text = g_string_new(device);
    if (g_str_has_prefix(device, "tcp::")) {
        g_string_insert(text, 4, "127.0.0.1");
    }
    if (!strstr(device, "server")) {
        g_string_append(text, ",server=on");
    }
    if (!strstr(device, "wait")) {
        g_string_append(text, ",wait=off");
    }
    if (tcp && !strstr(device, "delay")) {
        g_string_append(text, ",nodelay=on");
    }
    return g_string_free(text, false);
}

bool gdb_server_start(Machine *machine, const char *device, GError **error)
{
    if (!machine->ncpus || !machine->cpus[0]->arch->gdb) {
        return error_set(error, "-gdb: this machine has no CPU that gdb could look at");
    }
    if (!end_server(machine, error)) {
        return false;
    }
    GError *why = NULL;
    g_autofree char *spec = complete_device(device);
    Chardev *chr = chardev_open(machine, "gdb", spec, &why);
    if (why) {
        g_propagate_error(error, why);
        return false;
    }
    if (!chr) {
        return true; /* none */
    }
    if (chr->handlers) {
        return error_set(error, "-gdb: character device '%s' is in use", chr->id);
    }
    bool owns = !g_str_has_prefix(device, "chardev:");
    gdb_server_attach(machine, chr)->owns_chr = owns;
    return true;
}
