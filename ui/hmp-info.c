/*
 * Monitor commands that show something: info TOPIC.
 */
#include "softmmu/cpus.h"
#include "softmmu/objects.h"
#include "ui/monitor-internal.h"
#include <inttypes.h>
#include <string.h>

/* Calls @fn(@machine, text) and shows the text. */
static void show_text(Monitor *mon, void (*fn)(Machine *machine, GString *out))
{
    GString *text = g_string_new(NULL);
    fn(monitor_machine(mon), text);
    monitor_puts(mon, text->str);
    if (text->len && text->str[text->len - 1] != '\n') {
        monitor_puts(mon, "\n");
    }
    g_string_free(text, true);
}

void hmp_info_balloon(Monitor *mon, char *args)
{
    static const char *const names[BALLOON_STATS] = {
        "mem_swapped_in",   "mem_swapped_out", "major_page_faults", "minor_page_faults",
        "free_mem",         "total_mem",       "available_mem",     "disk_caches",
        "htlb_allocations", "htlb_failures",
    };
    const MonitorHooks *hooks = monitor_hooks(mon);
    GError *error = NULL;
    BalloonInfo info;
    if (!hooks->balloon_info) {
        monitor_puts(mon, "Error: this machine can have no balloon\n");
        return;
    }
    if (!hooks->balloon_info(monitor_machine(mon), &info, &error)) {
        monitor_error(mon, error);
        return;
    }
    monitor_printf(mon, "balloon: actual=%" G_GUINT64_FORMAT, info.actual / MIB);
    for (unsigned i = 0; i < BALLOON_STATS; i++) {
        if (info.stats[i] != UINT64_MAX) {
            monitor_printf(mon, " %s=%" G_GUINT64_FORMAT, names[i], info.stats[i]);
        }
    }
    monitor_puts(mon, "\n");
}

void hmp_info_status(Monitor *mon, char *args)
{
    static const char *const names[] = {
        [RUN_STATE_PRELAUNCH] = "paused (prelaunch)",
        [RUN_STATE_RUNNING] = "running",
        [RUN_STATE_PAUSED] = "paused",
        [RUN_STATE_SHUTDOWN] = "paused (shutdown)",
        [RUN_STATE_INTERNAL_ERROR] = "paused (internal-error)",
        [RUN_STATE_IO_ERROR] = "paused (io-error)",
        [RUN_STATE_GUEST_PANICKED] = "paused (guest-panicked)",
    };
    monitor_printf(mon, "VM status: %s\n", names[monitor_machine(mon)->state]);
}

void hmp_info_version(Monitor *mon, char *args)
{
    const char *version = monitor_hooks(mon)->version;
    monitor_printf(mon, "%s\n", version ? version : "unknown");
}

void hmp_info_chardev(Monitor *mon, char *args)
{
    const Machine *machine = monitor_machine(mon);
    for (unsigned i = 0; i < machine->chardevs->len; i++) {
        const Chardev *chr = machine->chardevs->pdata[i];
        monitor_printf(mon, "%s: filename=%s%s\n", chr->id, chr->label,
                       chr->open ? "" : " (disconnected)");
    }
}

void hmp_info_history(Monitor *mon, char *args)
{
    const char *line;
    for (unsigned n = 0; (line = monitor_history(mon, n)) != NULL; n++) {
        monitor_printf(mon, "%u: '%s'\n", n, line);
    }
}

void hmp_info_jit(Monitor *mon, char *args)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    if (hooks->jit_stats) {
        show_text(mon, hooks->jit_stats);
    } else {
        monitor_puts(mon, "No translator in use\n");
    }
}

/* What @fn shows; NULL: it is not built in. */
static void show_hook(Monitor *mon, void (*fn)(Machine *machine, GString *out))
{
    if (fn) {
        show_text(mon, fn);
    } else {
        monitor_puts(mon, "not available\n");
    }
}

void hmp_info_exits(Monitor *mon, char *args)
{
    show_hook(mon, monitor_hooks(mon)->exits);
}

void hmp_info_block(Monitor *mon, char *args)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    GString *text = g_string_new(NULL);
    if (hooks->block) {
        hooks->block(monitor_machine(mon), text, !g_strcmp0(hmp_next_word(&args), "-v"));
    }
    monitor_puts(mon, text->str);
    g_string_free(text, true);
}

void hmp_info_network(Monitor *mon, char *args)
{
    show_hook(mon, monitor_hooks(mon)->network);
}

void hmp_info_usernet(Monitor *mon, char *args)
{
    show_hook(mon, monitor_hooks(mon)->usernet);
}

void hmp_info_pci(Monitor *mon, char *args)
{
    show_hook(mon, monitor_hooks(mon)->pci);
}

static void print_mtree(Machine *machine, GString *out)
{
    memory_map_print(machine->memory, out);
}

void hmp_info_mtree(Monitor *mon, char *args)
{
    show_text(mon, print_mtree);
}

/* The interrupt controllers' inputs. */
void hmp_info_irq(Monitor *mon, char *args)
{
    const Machine *machine = monitor_machine(mon);
    GString *text = g_string_new(NULL);
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = machine->devices->pdata[i];
        if (dev->ops->print_irqs) {
            g_string_append_printf(text, "%s:\n", dev->id);
            dev->ops->print_irqs(dev, text);
        }
    }
    monitor_puts(mon, text->len ? text->str : "No interrupt controller in this machine can tell\n");
    g_string_free(text, true);
}

void hmp_info_name(Monitor *mon, char *args)
{
    const char *name = monitor_machine(mon)->config.name;
    if (name) {
        monitor_printf(mon, "%s\n", name);
    }
}

void hmp_info_uuid(Monitor *mon, char *args)
{
    const char *uuid = monitor_machine(mon)->config.uuid;
    monitor_printf(mon, "%s\n", uuid ? uuid : "00000000-0000-0000-0000-000000000000");
}

void hmp_info_kvm(Monitor *mon, char *args)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    bool enabled = false, present = hooks->kvm && hooks->kvm(monitor_machine(mon), &enabled);
    monitor_printf(mon, "kvm support: %s\n",
                   enabled   ? "enabled"
                   : present ? "disabled"
                             : "not compiled");
}

/* What qom-list shows, as an indented tree. */
void hmp_info_qom_tree(Monitor *mon, char *args)
{
    const Machine *machine = monitor_machine(mon);
    const UserObject *object;
    monitor_printf(mon, "/machine (%s-machine)\n  /peripheral (container)\n", machine->cls->name);
    for (unsigned pass = 0; pass < 2; pass++) {
        if (pass) {
            monitor_puts(mon, "  /unattached (container)\n");
        }
        for (unsigned i = 0; i < machine->devices->len; i++) {
            const Device *dev = machine->devices->pdata[i];
            if (device_is_named(dev) == (pass == 0)) {
                monitor_printf(mon, "    /%s (%s)\n", dev->id, dev->ops->name);
            }
        }
    }
    for (unsigned i = 0; i < machine->ncpus; i++) {
        monitor_printf(mon, "  /cpu[%u] (%s-cpu)\n", i, machine->cpus[i]->arch->name);
    }
    monitor_puts(mon, "/objects (container)\n");
    for (unsigned i = 0; (object = object_nth(monitor_machine(mon), i)) != NULL; i++) {
        monitor_printf(mon, "  /%s (%s)\n", object_id(object), object_type(object));
    }
}

/*
 * vCPUs. Their state is read while none of them runs.
 */

typedef struct CpuLine {
    uint64_t pc;
    bool halted;
} CpuLine;

typedef struct CpuLines {
    Machine *machine;
    CpuLine lines[MACHINE_MAX_CPUS];
} CpuLines;

static void read_cpu_lines(void *data)
{
    CpuLines *all = data;
    for (unsigned i = 0; i < all->machine->ncpus; i++) {
        const Vcpu *vcpu = all->machine->cpus[i];
        all->lines[i] = (CpuLine){vcpu->arch->get_pc(vcpu), vcpu->halted};
    }
}

void hmp_info_cpus(Monitor *mon, char *args)
{
    CpuLines all = {.machine = monitor_machine(mon)};
    const MonitorHooks *hooks = monitor_hooks(mon);
    vcpus_run_exclusive(all.machine, read_cpu_lines, &all);
    for (unsigned i = 0; i < all.machine->ncpus; i++) {
        const char *engine = hooks->accel_name ? hooks->accel_name(all.machine->cpus[i]) : NULL;
        monitor_printf(mon, "%c CPU #%u: pc=0x%016" PRIx64 "%s%s%s\n",
                       all.machine->cpus[i] == monitor_cpu(mon) ? '*' : ' ', i, all.lines[i].pc,
                       engine ? " engine=" : "", engine ? engine : "",
                       all.lines[i].halted ? " (halted)" : "");
    }
}

typedef struct DumpRequest {
    Vcpu *const *cpus;
    unsigned n;
    GString *out;
} DumpRequest;

static void dump_cpus(void *data)
{
    DumpRequest *request = data;
    for (unsigned i = 0; i < request->n; i++) {
        Vcpu *vcpu = request->cpus[i];
        g_string_append_printf(request->out, "\nCPU#%u\n", vcpu->index);
        vcpu->arch->dump(vcpu, request->out);
    }
}

void hmp_dump_registers(Vcpu *vcpu, GString *out)
{
    DumpRequest request = {&vcpu, 1, out};
    vcpus_run_exclusive(vcpu->machine, dump_cpus, &request);
}

static void print_mem(void *data)
{
    DumpRequest *request = data;
    Vcpu *vcpu = request->cpus[0];
    if (vcpu->arch->print_mem) {
        vcpu->arch->print_mem(vcpu, request->out);
    } else {
        g_string_append_printf(request->out, "not available for %s\n", vcpu->arch->name);
    }
}

/* What the page tables of the current vCPU map. */
void hmp_info_mem(Monitor *mon, char *args)
{
    Vcpu *vcpu = monitor_cpu(mon);
    if (vcpu) {
        GString *out = g_string_new(NULL);
        DumpRequest request = {&vcpu, 1, out};
        vcpus_run_exclusive(vcpu->machine, print_mem, &request);
        monitor_puts(mon, out->str);
        g_string_free(out, true);
    }
}

void hmp_info_registers(Monitor *mon, char *args)
{
    Machine *machine = monitor_machine(mon);
    Vcpu *vcpu = monitor_cpu(mon);
    unsigned index;
    if (!vcpu) {
        return;
    }
    GString *out = g_string_new(NULL);
    if (!strcmp(args, "-a")) {
        DumpRequest request = {machine->cpus, machine->ncpus, out};
        vcpus_run_exclusive(machine, dump_cpus, &request);
    } else if (!*args) {
        hmp_dump_registers(vcpu, out);
    } else if (hmp_parse_cpu(mon, args, &index)) {
        hmp_dump_registers(machine->cpus[index], out);
    }
    monitor_puts(mon, out->str);
    g_string_free(out, true);
}
