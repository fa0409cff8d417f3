/*
 * The gdb server: packets that ask and set up. (GDB manual, appendix "Remote Protocol": General Query
 * Packets.) Those named qemu are understood by scripts made for it.
 */
#include "softmmu/cpus.h"
#include "ui/gdb-internal.h"
#include "ui/monitor.h"
#include <string.h>

/* A query: its name and what follows it, if that begins with @separator. */
typedef struct GdbQuery {
    const char *name;
    char separator; /* 0: nothing follows */
    void (*handle)(GdbServer *g, const char *args, GString *reply);
} GdbQuery;

static void q_supported(GdbServer *g, const char *args, GString *reply)
{
    char **features = g_strsplit(args, ";", 64);
    g->multiprocess = g_strv_contains((const char *const *)features, "multiprocess+");
    g_strfreev(features);
    g_string_append_printf(reply,
                           "PacketSize=%x;qXfer:features:read+;vContSupported+;multiprocess+;"
                           "QStartNoAckMode+",
                           GDB_PACKET_MAX);
}

static void q_start_no_ack(GdbServer *g, const char *args, GString *reply)
{
    g->no_ack = true;
    g_string_assign(reply, "OK");
}

/* @data from @offset on as a reply of at most @max bytes: l if that is all, else m. */
static void append_part(GString *reply, const GString *data, uint64_t offset, uint64_t max)
{
    uint64_t room = MIN(max, GDB_PACKET_MAX / 2 - 1); /* each may have to be escaped */
    uint64_t n = offset < data->len ? MIN(room, data->len - offset) : 0;
    g_string_append_c(reply, offset + n < data->len ? 'm' : 'l');
    for (uint64_t i = 0; i < n; i++) {
        char c = data->str[offset + i];
        if (strchr("#$}*", c) && c) {
            g_string_append_c(reply, '}');
            c ^= 0x20;
        }
        g_string_append_c(reply, c);
    }
}

/* "ANNEX:OFFSET,LENGTH" */
static void q_features(GdbServer *g, const char *args, GString *reply)
{
    const char *p = strchr(args, ':');
    uint64_t offset, max;
    if (!p) {
        g_string_assign(reply, "E00");
        return;
    }
    g_autofree char *annex = g_strndup(args, (size_t)(p - args));
    p++;
    Vcpu *vcpu = g->machine->cpus[g->g_cpu];
    GString *text = g_string_new(NULL);
    if (!gdb_parse_hex(&p, &offset) || *p++ != ',' || !gdb_parse_hex(&p, &max) ||
        !vcpu->arch->gdb->describe(vcpu, annex, text)) {
        g_string_assign(reply, "E00");
    } else {
        append_part(reply, text, offset, max);
    }
    g_string_free(text, true);
}

/* One thread in each reply. */
static void q_next_thread(GdbServer *g, const char *args, GString *reply)
{
    if (g->next_thread >= g->machine->ncpus) {
        g_string_assign(reply, "l");
        return;
    }
    g_string_assign(reply, "m");
    gdb_append_thread(g, g->next_thread++, reply);
}

static void q_first_thread(GdbServer *g, const char *args, GString *reply)
{
    g->next_thread = 0;
    q_next_thread(g, args, reply);
}

static void q_thread_info(GdbServer *g, const char *args, GString *reply)
{
    int cpu;
    if (!gdb_parse_thread(g, &args, &cpu) || cpu < 0) {
        g_string_assign(reply, "E22");
        return;
    }
    g_autofree char *text =
        g_strdup_printf("CPU#%d [%s]", cpu, g->machine->cpus[cpu]->halted ? "halted" : "running");
    gdb_append_hex(reply, (const uint8_t *)text, strlen(text));
}

static void q_current(GdbServer *g, const char *args, GString *reply)
{
    g_string_assign(reply, "QC");
    gdb_append_thread(g, g->g_cpu, reply);
}

static void q_attached(GdbServer *g, const char *args, GString *reply)
{
    g_string_assign(reply, "1"); /* so that gdb detaches at its end and does not kill */
}

/* A monitor command, in hexadecimal; its output is the reply, or OK. */
static void q_command(GdbServer *g, const char *args, GString *reply)
{
    size_t n = strlen(args) / 2;
    g_autofree char *line = g_malloc0(n + 1);
    if (!gdb_from_hex(args, (uint8_t *)line, n)) {
        g_string_assign(reply, "E22");
        return;
    }
    GString *out = g_string_new(NULL);
    monitor_run_text(g->machine, line, out);
    if (!out->len) {
        g_string_assign(reply, "OK");
    }
    for (size_t at = 0; at < out->len;) { /* all but the last part as console output */
        size_t part = MIN(out->len - at, (GDB_PACKET_MAX - 1) / 2);
        g_string_truncate(reply, 0);
        gdb_append_hex(reply, (const uint8_t *)out->str + at, part);
        at += part;
        if (at < out->len) {
            g_string_prepend_c(reply, 'O');
            gdb_send(g, reply->str, reply->len);
        }
    }
    g_string_free(out, true);
}

static void q_qemu_supported(GdbServer *g, const char *args, GString *reply)
{
    g_string_assign(reply, "sstepbits;sstep;PhyMemMode");
}

static void q_step_bits(GdbServer *g, const char *args, GString *reply)
{
    g_string_printf(reply, "ENABLE=%x,NOIRQ=%x,NOTIMER=%x", GDB_STEP_ENABLE, GDB_STEP_NO_IRQ,
                    GDB_STEP_NO_TIMER);
}

static void q_step_flags(GdbServer *g, const char *args, GString *reply)
{
    g_string_printf(reply, "0x%x", g->step_flags);
}

static void set_step_flags(GdbServer *g, const char *args, GString *reply)
{
    uint64_t value;
    if (g_str_has_prefix(args, "0x")) {
        args += 2;
    }
    if (!gdb_parse_hex(&args, &value) || (value & ~(uint64_t)GDB_STEP_ALL)) {
        g_string_assign(reply, "E22");
        return;
    }
    g->step_flags = (unsigned)value;
    g_string_assign(reply, "OK");
}

static void q_physical(GdbServer *g, const char *args, GString *reply)
{
    g_string_assign(reply, g->physical ? "1" : "0");
}

static void set_physical(GdbServer *g, const char *args, GString *reply)
{
    g->physical = args[0] != '0';
    g_string_assign(reply, "OK");
}

static void vcont_actions(GdbServer *g, const char *args, GString *reply)
{
    g_string_assign(reply, "vCont;c;C;s;S");
}

static const GdbQuery queries[] = {
    {"qSupported", ':', q_supported},
    {"qSupported", 0, q_supported},
    {"QStartNoAckMode", 0, q_start_no_ack},
    {"qXfer:features:read", ':', q_features},
    {"qfThreadInfo", 0, q_first_thread},
    {"qsThreadInfo", 0, q_next_thread},
    {"qThreadExtraInfo", ',', q_thread_info},
    {"qC", 0, q_current},
    {"qAttached", 0, q_attached},
    {"qAttached", ':', q_attached},
    {"qRcmd", ',', q_command},
    {"qqemu.Supported", 0, q_qemu_supported},
    {"qqemu.sstepbits", 0, q_step_bits},
    {"qqemu.sstep", 0, q_step_flags},
    {"Qqemu.sstep", '=', set_step_flags},
    {"qqemu.PhyMemMode", 0, q_physical},
    {"Qqemu.PhyMemMode", ':', set_physical},
    {"vCont?", 0, vcont_actions},
};

bool gdb_handle_query(GdbServer *g, const char *packet, GString *reply)
{
    for (unsigned i = 0; i < ARRAY_SIZE(queries); i++) {
        const GdbQuery *q = &queries[i];
        size_t len = strlen(q->name);
        if (strncmp(packet, q->name, len) == 0 && packet[len] == q->separator) {
            q->handle(g, packet + len + (q->separator ? 1 : 0), reply);
            break;
        }
    }
    return true; /* what is not known gets the empty reply */
}
