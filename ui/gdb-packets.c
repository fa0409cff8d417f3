/*
 * The gdb server: packets about registers, memory, points and running. (GDB manual, appendix "Remote
 * Protocol": Packets, "vCont".) Replies to errors are E and an errno.
 *
 * The guest is one process, 1; its threads are the vCPUs, from 1 up. The machine is stopped when a packet is
 * handled.
 */
#include "ui/gdb-internal.h"
#include <string.h>

#define E_INVALID "E22"
#define E_FAULT "E14"

/*
 * Parts of packets.
 */

bool gdb_parse_hex(const char **p, uint64_t *value)
{
    unsigned digits = 0;
    *value = 0;
    for (; g_ascii_isxdigit(**p); (*p)++, digits++) {
        if (*value >> 60) {
            return false;
        }
        *value = *value << 4 | (uint64_t)g_ascii_xdigit_value(**p);
    }
    return digits > 0;
}

/* A number of a process or thread: -1 for all. */
static bool parse_id(const char **p, int64_t *id)
{
    uint64_t value;
    if (g_str_has_prefix(*p, "-1")) {
        *p += 2;
        *id = -1;
        return true;
    }
    bool ok = gdb_parse_hex(p, &value) && value <= INT32_MAX;
    *id = ok ? (int64_t)value : 0;
    return ok;
}

bool gdb_parse_thread(GdbServer *g, const char **p, int *cpu)
{
    int64_t process = 1, thread = -1;
    if (**p == 'p') {
        (*p)++;
        if (!parse_id(p, &process) || process > 1 ||
            (**p == '.' && (*p)++ && !parse_id(p, &thread))) {
            return false;
        }
    } else if (!parse_id(p, &thread)) {
        return false;
    }
    *cpu = thread == -1 ? GDB_ALL : thread == 0 ? GDB_ANY : (int)thread - 1;
    return *cpu < (int)g->machine->ncpus;
}

void gdb_append_thread(GdbServer *g, unsigned cpu, GString *out)
{
    g_string_append_printf(out, g->multiprocess ? "p01.%02x" : "%02x", cpu + 1);
}

void gdb_append_hex(GString *out, const uint8_t *buf, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g_string_append_printf(out, "%02x", buf[i]);
    }
}

bool gdb_from_hex(const char *text, uint8_t *buf, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = g_ascii_xdigit_value(text[2 * i]);
        int low = high < 0 ? -1 : g_ascii_xdigit_value(text[2 * i + 1]); /* ends at the NUL */
        if (low < 0) {
            return false;
        }
        buf[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* "ADDR,LENGTH" */
static bool parse_range(const char **p, uint64_t *addr, uint64_t *len)
{
    return gdb_parse_hex(p, addr) && *(*p)++ == ',' && gdb_parse_hex(p, len);
}

static Vcpu *data_cpu(const GdbServer *g)
{
    return g->machine->cpus[g->g_cpu];
}

/*
 * Registers.
 */

static bool read_registers(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    Vcpu *vcpu = data_cpu(g);
    const GuestGdb *regs = vcpu->arch->gdb;
    uint8_t buf[GUEST_GDB_MAX_BYTES];
    for (unsigned n = 0; n < regs->core; n++) {
        gdb_append_hex(reply, buf, regs->read(vcpu, n, buf));
    }
    return true;
}

static bool write_registers(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    Vcpu *vcpu = data_cpu(g);
    const GuestGdb *regs = vcpu->arch->gdb;
    const char *text = packet + 1;
    uint8_t buf[GUEST_GDB_MAX_BYTES];
    for (unsigned n = 0; n < regs->core && *text; n++) {
        unsigned bytes = regs->read(vcpu, n, buf);
        if (!gdb_from_hex(text, buf, bytes)) {
            g_string_assign(reply, E_INVALID);
            return true;
        }
        regs->write(vcpu, n, buf);
        text += 2 * bytes;
    }
    g_string_assign(reply, "OK");
    return true;
}

static bool read_register(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    Vcpu *vcpu = data_cpu(g);
    const char *p = packet + 1;
    uint8_t buf[GUEST_GDB_MAX_BYTES];
    uint64_t n;
    unsigned bytes = gdb_parse_hex(&p, &n) && n <= UINT32_MAX
                         ? vcpu->arch->gdb->read(vcpu, (unsigned)n, buf)
                         : 0;
    if (bytes) {
        gdb_append_hex(reply, buf, bytes);
    } else {
        g_string_assign(reply, E_FAULT);
    }
    return true;
}

static bool write_register(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    Vcpu *vcpu = data_cpu(g);
    const GuestGdb *regs = vcpu->arch->gdb;
    const char *p = packet + 1;
    uint8_t buf[GUEST_GDB_MAX_BYTES];
    uint64_t n;
    bool ok = gdb_parse_hex(&p, &n) && n <= UINT32_MAX && *p++ == '=';
    unsigned bytes = ok ? regs->read(vcpu, (unsigned)n, buf) : 0;
    ok = bytes && gdb_from_hex(p, buf, bytes) && regs->write(vcpu, (unsigned)n, buf);
    g_string_assign(reply, ok ? "OK" : E_FAULT);
    return true;
}

/*
 * Memory.
 */

static size_t access_ram(Machine *machine, const MemoryHit *hit, uint64_t gpa, uint8_t *buf,
                         size_t len, bool write)
{
    len = MIN(len, hit->avail);
    if (!write) {
        memcpy(buf, hit->host, len);
        return len;
    }
    return dma_write(&machine->dma, gpa, buf, len) == MEM_OK ? len : 0;
}

/* One access of the largest size that fits. */
static size_t access_device(Machine *machine, uint64_t gpa, uint8_t *buf, size_t len, bool write)
{
    unsigned size = 8;
    uint64_t value = 0;
    while (size > len || (gpa & (size - 1))) {
        size /= 2;
    }
    if (write) {
        memcpy(&value, buf, size);
        return memory_map_write(machine->memory, gpa, value, size) == MEM_OK ? size : 0;
    }
    if (memory_map_read(machine->memory, gpa, &value, size) != MEM_OK) {
        return 0;
    }
    memcpy(buf, &value, size);
    return size;
}

/* An access within one page; returns the bytes done. */
static size_t access_piece(GdbServer *g, uint64_t addr, uint8_t *buf, size_t len, bool write)
{
    Machine *machine = g->machine;
    Vcpu *vcpu = data_cpu(g);
    uint64_t gpa = addr;
    MemoryHit hit;
    len = MIN(len, 4096 - (addr & 4095));
    if ((!g->physical && !vcpu->arch->debug_translate(vcpu, addr, &gpa)) ||
        !memory_map_find(machine->memory, gpa, &hit)) {
        return 0;
    }
    return hit.host ? access_ram(machine, &hit, gpa, buf, len, write)
                    : access_device(machine, gpa, buf, len, write);
}

static size_t access_memory(GdbServer *g, uint64_t addr, uint8_t *buf, size_t len, bool write)
{
    size_t done = 0, n = 1;
    while (done < len && n) {
        n = access_piece(g, addr + done, buf + done, len - done, write);
        done += n;
    }
    return done;
}

static bool read_memory(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    const char *p = packet + 1;
    uint64_t addr, want;
    if (!parse_range(&p, &addr, &want)) {
        g_string_assign(reply, E_INVALID);
        return true;
    }
    uint8_t buf[GDB_PACKET_MAX / 2];
    size_t n = MIN(want, sizeof(buf)), done = access_memory(g, addr, buf, n, false);
    if (done || !n) {
        gdb_append_hex(reply, buf, done);
    } else {
        g_string_assign(reply, E_FAULT);
    }
    return true;
}

static void write_bytes(GdbServer *g, uint64_t addr, uint8_t *buf, size_t n, GString *reply)
{
    g_string_assign(reply, access_memory(g, addr, buf, n, true) == n ? "OK" : E_FAULT);
}

static bool write_memory(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    const char *p = packet + 1;
    uint64_t addr, n;
    uint8_t buf[GDB_PACKET_MAX / 2];
    if (!parse_range(&p, &addr, &n) || *p++ != ':' || n > sizeof(buf) || !gdb_from_hex(p, buf, n)) {
        g_string_assign(reply, E_INVALID);
    } else {
        write_bytes(g, addr, buf, n, reply);
    }
    return true;
}

/* Takes the escapes out of binary data. Returns its length. */
static size_t unescape(const char *data, size_t len, uint8_t *buf)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)data[i];
        if (c == '}' && i + 1 < len) {
            c = (uint8_t)data[++i] ^ 0x20;
        }
        buf[n++] = c;
    }
    return n;
}

static bool write_binary(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    const char *p = packet + 1;
    uint64_t addr, n;
    uint8_t buf[GDB_PACKET_MAX];
    if (!parse_range(&p, &addr, &n) || *p++ != ':' ||
        unescape(p, (size_t)(packet + len - p), buf) != n) {
        g_string_assign(reply, E_INVALID);
    } else {
        write_bytes(g, addr, buf, n, reply);
    }
    return true;
}

/*
 * Breakpoints and watchpoints.
 */

static bool change_point(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    const char *p = packet + 1;
    uint64_t kind, addr, size;
    if (!gdb_parse_hex(&p, &kind) || *p++ != ',' || !parse_range(&p, &addr, &size)) {
        g_string_assign(reply, E_INVALID);
    } else if (kind < DEBUG_KINDS && debug_has_kind(g->machine, (DebugKind)kind)) {
        /* Others are not known: the empty reply, after which gdb does an rwatch by an awatch. */
        bool ok = packet[0] == 'Z' ? debug_insert(g->machine, (DebugKind)kind, addr, size)
                                   : debug_remove(g->machine, (DebugKind)kind, addr, size);
        g_string_assign(reply, ok ? "OK" : E_INVALID);
    }
    return true;
}

/*
 * Threads and running.
 */

static bool set_thread(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    const char *p = packet[1] ? packet + 2 : packet + 1;
    int cpu;
    if ((packet[1] != 'g' && packet[1] != 'c') || !gdb_parse_thread(g, &p, &cpu)) {
        g_string_assign(reply, E_INVALID);
        return true;
    }
    if (cpu >= 0 && packet[1] == 'g') {
        g->g_cpu = (unsigned)cpu;
    } else if (cpu >= 0) {
        g->c_cpu = (unsigned)cpu;
    }
    g_string_assign(reply, "OK");
    return true;
}

static bool thread_alive(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    const char *p = packet + 1;
    int cpu;
    g_string_assign(reply, gdb_parse_thread(g, &p, &cpu) ? "OK" : E_INVALID);
    return true;
}

/* c, C, s, S: "c[ADDR]", "C SIGNAL[;ADDR]"; signals mean nothing to a guest. */
static bool resume_all(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    Vcpu *vcpu = g->machine->cpus[g->c_cpu];
    const char *p = packet + 1;
    uint64_t value;
    if (packet[0] == 'C' || packet[0] == 'S') {
        p = strchr(p, ';') ? strchr(p, ';') + 1 : "";
    }
    if (gdb_parse_hex(&p, &value)) {
        vcpu->arch->set_pc(vcpu, value);
    }
    if (g_ascii_tolower(packet[0]) == 's') {
        vcpu->debug_run = DEBUG_RUN_STEP;
    }
    gdb_resume(g);
    return false;
}

/* One action of vCont, at **@p, into @runs for the vCPUs that have none yet: the first that fits counts. */
static bool parse_action(GdbServer *g, const char **p, int *runs)
{
    uint64_t signal;
    int cpu = GDB_ALL;
    char action = *(*p)++;
    if (!action || !strchr("cCsS", action) ||
        ((action == 'C' || action == 'S') && !gdb_parse_hex(p, &signal)) ||
        (**p == ':' && (*p)++ && !gdb_parse_thread(g, p, &cpu))) {
        return false;
    }
    if (cpu == GDB_ANY) {
        cpu = (int)g->c_cpu;
    }
    for (unsigned i = 0; i < g->machine->ncpus; i++) {
        if (runs[i] == DEBUG_RUN_HOLD && (cpu == GDB_ALL || cpu == (int)i)) {
            runs[i] = g_ascii_tolower(action) == 's' ? DEBUG_RUN_STEP : DEBUG_RUN_FREE;
        }
    }
    return true;
}

static bool resume_some(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    const char *p = packet + strlen("vCont");
    int runs[MACHINE_MAX_CPUS];
    bool any = false;
    for (unsigned i = 0; i < g->machine->ncpus; i++) {
        runs[i] = DEBUG_RUN_HOLD;
    }
    while (*p == ';') {
        p++;
        if (!parse_action(g, &p, runs)) {
            g_string_assign(reply, E_INVALID);
            return true;
        }
    }
    for (unsigned i = 0; i < g->machine->ncpus; i++) {
        any |= runs[i] != DEBUG_RUN_HOLD;
    }
    if (*p || !any) {
        g_string_assign(reply, E_INVALID);
        return true;
    }
    for (unsigned i = 0; i < g->machine->ncpus; i++) {
        g->machine->cpus[i]->debug_run = (uint8_t)runs[i];
    }
    gdb_resume(g);
    return false;
}

static bool why_stopped(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    gdb_append_stop_reply(g, reply);
    return true;
}

static bool detach(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    gdb_let_go(g);
    gdb_forget_peer(g); /* the connection may outlive it: a serial line, or nc */
    if (g->machine->state == RUN_STATE_PAUSED || g->machine->state == RUN_STATE_PRELAUNCH) {
        machine_start(g->machine);
    }
    g_string_assign(reply, "OK");
    return true;
}

static bool kill_machine(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    machine_request_quit(g->machine, 0);
    g_string_assign(reply, "OK");
    return packet[0] == 'v';
}

static bool extended(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    g_string_assign(reply, "OK");
    return true;
}

static const struct {
    const char *prefix;
    bool (*handle)(GdbServer *g, const char *packet, size_t len, GString *reply);
} packets[] = {
    {"vCont;", resume_some}, {"vKill;", kill_machine}, {"g", read_registers},
    {"G", write_registers},  {"p", read_register},     {"P", write_register},
    {"m", read_memory},      {"M", write_memory},      {"X", write_binary},
    {"Z", change_point},     {"z", change_point},      {"H", set_thread},
    {"T", thread_alive},     {"c", resume_all},        {"C", resume_all},
    {"s", resume_all},       {"S", resume_all},        {"?", why_stopped},
    {"D", detach},           {"k", kill_machine},      {"!", extended},
};

bool gdb_handle_packet(GdbServer *g, const char *packet, size_t len, GString *reply)
{
    for (unsigned i = 0; i < ARRAY_SIZE(packets); i++) {
        if (g_str_has_prefix(packet, packets[i].prefix)) {
            return packets[i].handle(g, packet, len, reply);
        }
    }
    return gdb_handle_query(g, packet, reply);
}
