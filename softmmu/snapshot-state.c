/*
 * The states of clock, vCPUs and devices in snapshots: a name, then what the state table says.
 *
 * They are loaded in an order of their own, whatever that in the file is: virtual time first, which timers
 * are armed by, then vCPUs, whose time the interrupt controllers compare with, then devices in order of
 * creation. Devices are reset before: what is not in their tables (timers, say) is then as it must be.
 */
#include "softmmu/base/error.h"
#include "softmmu/snapshot-internal.h"
#include <string.h>

#define CLOCK "clock"

/* ---- What vCPUs of all architectures have ---- */

typedef struct VcpuSaved {
    bool halted;
    bool counts; /* instructions are counted exactly */
    uint64_t insns;
} VcpuSaved;

static const VmField vcpu_fields[] = {
    VM_FIELD_BOOL(VcpuSaved, halted),
    VM_FIELD_BOOL(VcpuSaved, counts),
    VM_FIELD_U64(VcpuSaved, insns),
    VM_FIELD_END(),
};
static const VmDesc vcpu_vmstate = {.name = "vcpu", .fields = vcpu_fields};

typedef struct ClockSaved {
    uint64_t now;
} ClockSaved;

static const VmField clock_fields[] = {VM_FIELD_U64(ClockSaved, now), VM_FIELD_END()};
static const VmDesc clock_vmstate = {.name = CLOCK, .fields = clock_fields};

/* ---- Lists of states ---- */

static void saved_state_free(gpointer data)
{
    SavedState *state = data;
    g_free(state->name);
    g_free(state->payload);
    g_free(state);
}

GPtrArray *snapshot_states_new(void)
{
    return g_ptr_array_new_with_free_func(saved_state_free);
}

bool snapshot_states_add(GPtrArray *states, uint8_t *payload, size_t len, GError **error)
{
    uint16_t name_len = 0;
    memcpy(&name_len, payload, MIN(len, sizeof(name_len)));
    size_t head = sizeof(name_len) + name_len;
    if (len < head || memchr(payload + sizeof(name_len), 0, name_len)) {
        g_free(payload);
        return error_set(error, "it is damaged: a device's state is not possible");
    }
    SavedState *state = g_new0(SavedState, 1);
    state->name = g_strndup((const char *)payload + sizeof(name_len), name_len);
    state->payload = payload;
    state->data = payload + head;
    state->len = len - head;
    g_ptr_array_add(states, state);
    return true;
}

static SavedState *find(const GPtrArray *states, const char *name)
{
    for (unsigned i = 0; i < states->len; i++) {
        SavedState *state = states->pdata[i];
        if (!strcmp(state->name, name)) {
            return state;
        }
    }
    return NULL;
}

/* ---- Saving ---- */

/* A section's payload with nothing but the name. */
static GByteArray *begin(const char *name)
{
    GByteArray *out = g_byte_array_new();
    uint16_t len = strlen(name);
    g_byte_array_append(out, (const uint8_t *)&len, sizeof(len));
    g_byte_array_append(out, (const uint8_t *)name, len);
    return out;
}

static void end(GPtrArray *states, GByteArray *out)
{
    size_t len = out->len;
    snapshot_states_add(states, g_byte_array_free(out, false), len, NULL);
}

static void save_clock(Machine *machine, GPtrArray *states)
{
    ClockSaved saved = {clock_now(machine->clock)};
    GByteArray *out = begin(CLOCK);
    vmstate_save(out, &clock_vmstate, &saved);
    end(states, out);
}

static char *cpu_name(const Vcpu *vcpu)
{
    return g_strdup_printf("cpu:%u", vcpu->index);
}

static void save_vcpu(Vcpu *vcpu, GPtrArray *states)
{
    const MachineRunner *runner = vcpu->machine->runner;
    VcpuSaved saved = {.halted = vcpu->halted};
    char *name = cpu_name(vcpu);
    GByteArray *out = begin(name);
    if (runner && runner->get_insns) {
        saved.insns = runner->get_insns(vcpu, &saved.counts);
    }
    vmstate_save(out, &vcpu_vmstate, &saved);
    vmstate_save(out, vcpu->arch->vmstate, vcpu_state(vcpu));
    end(states, out);
    g_free(name);
}

/* Devices' names are apart from those of clock and vCPUs. */
static char *device_name(const Device *dev)
{
    return g_strconcat("device:", dev->id, NULL);
}

static void save_device(Device *dev, GPtrArray *states)
{
    char *name = device_name(dev);
    GByteArray *out = begin(name);
    vmstate_save(out, dev->ops->vmstate, dev);
    end(states, out);
    g_free(name);
}

GPtrArray *snapshot_states_save(Machine *machine)
{
    GPtrArray *states = snapshot_states_new();
    save_clock(machine, states);
    for (unsigned i = 0; i < machine->ncpus; i++) {
        save_vcpu(machine->cpus[i], states);
    }
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = machine->devices->pdata[i];
        if (dev->ops->vmstate) {
            save_device(dev, states);
        }
    }
    return states;
}

/* ---- Loading ---- */

/* Calls @fn with the state of each part of @machine, in the order of loading, until one fails. */
static bool for_each(Machine *machine, const GPtrArray *states,
                     bool (*fn)(Machine *machine, Vcpu *vcpu, Device *dev, SavedState *state,
                                GError **error),
                     GError **error)
{
    if (!fn(machine, NULL, NULL, find(states, CLOCK), error)) {
        return false;
    }
    for (unsigned i = 0; i < machine->ncpus; i++) {
        char *name = cpu_name(machine->cpus[i]);
        bool ok = fn(machine, machine->cpus[i], NULL, find(states, name), error);
        g_free(name);
        if (!ok) {
            return false;
        }
    }
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = machine->devices->pdata[i];
        char *name = device_name(dev);
        bool ok = !dev->ops->vmstate || fn(machine, NULL, dev, find(states, name), error);
        g_free(name);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* For for_each(): that the state is there. */
static bool check_state(Machine *machine, Vcpu *vcpu, Device *dev, SavedState *state,
                        GError **error)
{
    return state || error_set(error, "it is damaged: the state of '%s' is missing",
                              dev    ? dev->id
                              : vcpu ? "a CPU"
                                     : CLOCK);
}

bool snapshot_states_check(Machine *machine, const GPtrArray *states, GError **error)
{
    unsigned wanted = 1 + machine->ncpus;
    for (unsigned i = 0; i < machine->devices->len; i++) {
        wanted += ((Device *)machine->devices->pdata[i])->ops->vmstate != NULL;
    }
    if (!for_each(machine, states, check_state, error)) {
        return false;
    }
    return states->len == wanted ||
           error_set(error, "it is damaged: it has states of what there is not, or two of one");
}

static bool load_clock(Machine *machine, const uint8_t **data, size_t *len, GError **error)
{
    ClockSaved saved;
    if (!vmstate_load(data, len, &clock_vmstate, &saved, error)) {
        return false;
    }
    /* Far from where sums of it and timers' periods end. */
    if (saved.now > INT64_MAX / 2) {
        return error_set(error, "saved virtual time is not possible");
    }
    clock_set(machine->clock, saved.now);
    return true;
}

static bool load_vcpu(Vcpu *vcpu, const uint8_t **data, size_t *len, GError **error)
{
    const MachineRunner *runner = vcpu->machine->runner;
    VcpuSaved saved;
    if (!vmstate_load(data, len, &vcpu_vmstate, &saved, error) ||
        !vmstate_load(data, len, vcpu->arch->vmstate, vcpu_state(vcpu), error)) {
        return false;
    }
    vcpu->halted = saved.halted;
    if (runner && runner->set_insns) {
        runner->set_insns(vcpu, saved.insns, saved.counts);
    }
    return true;
}

static bool load_state(Machine *machine, Vcpu *vcpu, Device *dev, SavedState *state, GError **error)
{
    const uint8_t *data = state->data;
    size_t len = state->len;
    bool ok = dev    ? vmstate_load(&data, &len, dev->ops->vmstate, dev, error)
              : vcpu ? load_vcpu(vcpu, &data, &len, error)
                     : load_clock(machine, &data, &len, error);
    if (ok && len) {
        ok = error_set(error, "saved state of '%s' is longer than it should be", state->name);
    }
    return ok;
}

bool snapshot_states_load(Machine *machine, const GPtrArray *states, GError **error)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = machine->devices->pdata[i];
        if (dev->ops->reset) {
            dev->ops->reset(dev);
        }
    }
    return for_each(machine, states, load_state, error);
}

void snapshot_states_loaded(Machine *machine)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = machine->devices->pdata[i];
        if (dev->ops->loaded) {
            dev->ops->loaded(dev);
        }
    }
    if (machine->runner && machine->runner->memory_replaced) {
        machine->runner->memory_replaced(machine);
    }
    for (unsigned i = 0; i < machine->ncpus; i++) {
        Vcpu *vcpu = machine->cpus[i];
        vcpu->reserve_addr = RESERVE_NONE;
        if (vcpu->tlbs) {
            vcpu_tlb_flush(vcpu, ~UINT64_C(0), NULL, 0, false);
            vcpu_mmu_changed(vcpu);
        }
        vcpu_kick(vcpu);
    }
}
