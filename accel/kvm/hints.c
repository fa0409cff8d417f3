/*
 * Doorbells as eventfds that the kernel writes (KVM_IOEVENTFD), writes that it collects
 * (KVM_REGISTER_COALESCED_MMIO), and pages that it marks as written (KVM_GET_DIRTY_LOG).
 */
#include "accel/kvm/kvm.h"
#include <glib-unix.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define RUN_PAGE 4096

/* One that the kernel knows. */
typedef struct KvmDoorbell {
    MemoryHint hint;
    bool port;
    int fd; /* -1: collected writes */
    GSource *source;
} KvmDoorbell;

/* ---- Doorbells ---- */

static gboolean rung(gint fd, GIOCondition condition, gpointer opaque)
{
    const KvmDoorbell *bell = opaque;
    uint64_t count;

    if (read(fd, &count, sizeof(count)) == sizeof(count)) {
        bell->hint.ring(bell->hint.opaque, bell->hint.n);
    }
    return G_SOURCE_CONTINUE;
}

static bool assign(KvmVm *vm, const KvmDoorbell *bell, bool on)
{
    struct kvm_ioeventfd request = {
        .addr = bell->hint.addr,
        .len = bell->hint.size,
        .fd = bell->fd,
        .datamatch = bell->hint.value,
        .flags = (bell->hint.match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0) |
                 (bell->port ? KVM_IOEVENTFD_FLAG_PIO : 0) | (on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
    };
    return ioctl(vm->fd, KVM_IOEVENTFD, &request) == 0;
}

static bool set_coalesced(KvmVm *vm, const KvmDoorbell *zone, bool on)
{
    struct kvm_coalesced_mmio_zone request = {.addr = zone->hint.addr,
                                              .size = zone->hint.size,
                                              .pio = zone->port};
    return ioctl(vm->fd, on ? KVM_REGISTER_COALESCED_MMIO : KVM_UNREGISTER_COALESCED_MMIO,
                 &request) == 0;
}

/* Tells the kernel; false if it would rather not, which costs exits and nothing else. */
static bool bell_on(KvmVm *vm, KvmDoorbell *bell)
{
    if (!bell->hint.doorbell) {
        bell->fd = -1;
        return vm->ring_page && set_coalesced(vm, bell, true);
    }
    if (!bell->hint.size && !vm->any_length) {
        return false;
    }
    bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell->fd < 0 || !assign(vm, bell, true)) {
        if (bell->fd >= 0) {
            close(bell->fd);
        }
        return false;
    }
    bell->source = g_unix_fd_source_new(bell->fd, G_IO_IN);
    g_source_set_callback(bell->source, G_SOURCE_FUNC(rung), bell, NULL);
    g_source_attach(bell->source, vm->machine->context);
    return true;
}

static void bell_off(KvmVm *vm, KvmDoorbell *bell)
{
    if (bell->fd < 0) {
        set_coalesced(vm, bell, false);
    } else {
        assign(vm, bell, false);
        rung(bell->fd, G_IO_IN, bell); /* what came until now is not lost */
        g_source_destroy(bell->source);
        g_source_unref(bell->source);
        close(bell->fd);
    }
    g_free(bell);
}

static bool same_hint(const KvmDoorbell *bell, const MemoryHint *hint, bool port)
{
    const MemoryHint *b = &bell->hint;
    return bell->port == port && b->addr == hint->addr && b->size == hint->size &&
           b->match == hint->match && b->doorbell == hint->doorbell && b->value == hint->value &&
           b->ring == hint->ring && b->opaque == hint->opaque && b->n == hint->n;
}

/* Whether @hints has @bell; takes it out of there. */
static bool take_hint(GArray *hints, const KvmDoorbell *bell, bool port)
{
    for (unsigned i = 0; i < hints->len; i++) {
        if (same_hint(bell, &g_array_index(hints, MemoryHint, i), port)) {
            g_array_remove_index_fast(hints, i);
            return true;
        }
    }
    return false;
}

static void add_bells(KvmVm *vm, const GArray *hints, bool port)
{
    for (unsigned i = 0; i < hints->len; i++) {
        KvmDoorbell *bell = g_new0(KvmDoorbell, 1);
        bell->hint = g_array_index(hints, MemoryHint, i);
        bell->port = port;
        if (bell_on(vm, bell)) {
            g_ptr_array_add(vm->doorbells, bell);
        } else {
            g_free(bell);
        }
    }
}

void kvm_doorbells_update(void *opaque)
{
    KvmVm *vm = opaque;
    if (!vm->ready) {
        return;
    }
    GArray *memory = memory_map_hints(vm->machine->memory), *io = memory_map_hints(vm->machine->io);
    for (unsigned i = vm->doorbells->len; i-- > 0;) {
        KvmDoorbell *bell = vm->doorbells->pdata[i];
        if (!take_hint(bell->port ? io : memory, bell, bell->port)) {
            g_ptr_array_remove_index_fast(vm->doorbells, i);
            bell_off(vm, bell);
        }
    }
    add_bells(vm, memory, false);
    add_bells(vm, io, true);
    g_array_free(memory, true);
    g_array_free(io, true);
}

void kvm_doorbells_clear(KvmVm *vm)
{
    for (unsigned i = 0; i < vm->doorbells->len; i++) {
        KvmDoorbell *bell = vm->doorbells->pdata[i];
        if (bell->fd >= 0) { /* without ringing: devices are gone */
            assign(vm, bell, false);
            g_source_destroy(bell->source);
            g_source_unref(bell->source);
            close(bell->fd);
        }
        g_free(bell);
    }
    g_ptr_array_set_size(vm->doorbells, 0);
}

/* ---- Collected writes ---- */

void kvm_coalesced_init(KvmVm *vm, KvmVcpu *kv)
{
    int page = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);

    if (page > 0 && (page + 1u) * RUN_PAGE <= vm->run_size) {
        vm->ring_page = (uint8_t *)kv->run + page * RUN_PAGE;
    }
}

void kvm_coalesced_flush(void *opaque)
{
    KvmVm *vm = opaque;
    struct kvm_coalesced_mmio_ring *ring = vm->ring_page;
    const unsigned max = (RUN_PAGE - sizeof(*ring)) / sizeof(struct kvm_coalesced_mmio);

    if (!ring || ring->first == __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
        return;
    }
    machine_lock(vm->machine);
    if (vm->flushing) {
        machine_unlock(vm->machine);
        return;
    }
    vm->flushing = true;
    while (ring->first != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE) && ring->first < max) {
        struct kvm_coalesced_mmio *write = &ring->coalesced_mmio[ring->first];
        kvm_bus_access(write->pio ? vm->machine->io : vm->machine->memory, write->phys_addr,
                       write->data, MIN(write->len, sizeof(write->data)), true);
        __atomic_store_n(&ring->first, (ring->first + 1) % max, __ATOMIC_RELEASE);
    }
    vm->flushing = false;
    machine_unlock(vm->machine);
}

/* ---- Written pages ---- */

bool kvm_take_dirty(void *opaque, MemoryRegion *region, unsigned long *bitmap)
{
    KvmVm *vm = opaque;
    bool any = false;

    for (unsigned i = 0; i < KVM_MAX_SLOTS; i++) {
        KvmSlot *slot = &vm->slots[i];
        if (!slot->size || slot->region != region || !(slot->flags & KVM_MEM_LOG_DIRTY_PAGES)) {
            continue;
        }
        uint64_t pages = slot->size / RUN_PAGE, first = slot->offset / RUN_PAGE;
        unsigned long *log = g_malloc0(align_up(pages, 64) / 8);
        struct kvm_dirty_log request = {.slot = i, .dirty_bitmap = log};
        if (ioctl(vm->fd, KVM_GET_DIRTY_LOG, &request) == 0) {
            for (uint64_t page = 0; page < pages; page++) {
                if (slot->unlogged || (log[page / 64] >> (page % 64) & 1)) {
                    bitmap[(first + page) / 64] |= 1ul << ((first + page) % 64);
                }
            }
            slot->unlogged = false;
            any = true;
        }
        g_free(log);
    }
    return any;
}
