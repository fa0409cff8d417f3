/*
 * Memory slots (KVM_SET_USER_MEMORY_REGION), kept in step with the memory map.
 *
 * Each piece of RAM or ROM in the flattened map is a slot; what is not a multiple of a page at its ends is
 * left to exits. The listener compares the map with the slots and changes only what differs. Where memory stays but
 * its slot begins or ends elsewhere, no vCPU may run between the slot's end and the next one's beginning: see
 * gate.c. An exit for MMIO that was decoded before such a change is answered by the memory map as it is then, which
 * may be from RAM.
 */
#include "accel/kvm/kvm.h"
#include "softmmu/base/log.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define PAGE UINT64_C(4096)

static bool set_slot(KvmVm *vm, unsigned n, const KvmSlot *slot)
{
    struct kvm_userspace_memory_region region = {
        .slot = n,
        .flags = slot->flags,
        .guest_phys_addr = slot->addr,
        .memory_size = slot->size,
        .userspace_addr = (uintptr_t)slot->host,
    };
    if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) == 0) {
        return true;
    }
    fprintf(stderr, "amphi: KVM refuses memory at 0x%" PRIx64 " (%" PRIu64 " bytes): %s\n",
            slot->addr, slot->size, strerror(errno));
    return false;
}

/* The slot for @range; size 0 if it has no whole page. */
static KvmSlot wanted_slot(const MemoryRange *range)
{
    uint64_t skip = -range->addr & (PAGE - 1);
    KvmSlot slot = {0};

    if (range->size > skip && ((range->size - skip) & ~(PAGE - 1))) {
        slot = (KvmSlot){
            .addr = range->addr + skip,
            .size = (range->size - skip) & ~(PAGE - 1),
            .host = range->host + skip,
            .flags = (range->readonly ? KVM_MEM_READONLY : 0) |
                     (memory_region_logs_dirty(range->region) ? KVM_MEM_LOG_DIRTY_PAGES : 0),
            .region = range->region,
            .offset = range->offset + skip,
        };
    }
    return slot;
}

/* Whether the kernel can make @b of @a without deleting it. */
static bool same_slot(const KvmSlot *a, const KvmSlot *b)
{
    return a->addr == b->addr && a->size == b->size && a->host == b->host &&
           ((a->flags ^ b->flags) & ~KVM_MEM_LOG_DIRTY_PAGES) == 0;
}

static bool overlap(const KvmSlot *a, const KvmSlot *b)
{
    return a->size && b->size && a->addr < b->addr + b->size && b->addr < a->addr + a->size;
}

static void remove_slot(KvmVm *vm, unsigned n)
{
    KvmSlot none = vm->slots[n];
    none.size = 0;
    set_slot(vm, n, &none);
    vm->slots[n] = (KvmSlot){0};
}

static void add_slot(KvmVm *vm, const KvmSlot *slot)
{
    unsigned n = 0;
    while (n < KVM_MAX_SLOTS && vm->slots[n].size) {
        n++;
    }
    if (n == KVM_MAX_SLOTS) {
        log_guest_error("kvm: the memory map has more than %u pieces of RAM", KVM_MAX_SLOTS);
        return;
    }
    if (set_slot(vm, n, slot)) {
        vm->slots[n] = *slot;
        vm->slots[n].unlogged = true;
    }
}

/* Slot @n stays, as @wanted. */
static void keep_slot(KvmVm *vm, unsigned n, const KvmSlot *wanted)
{
    KvmSlot *slot = &vm->slots[n];

    if (wanted->flags == slot->flags || set_slot(vm, n, wanted)) {
        bool unlogged = slot->unlogged || wanted->flags != slot->flags;
        *slot = *wanted;
        slot->unlogged = unlogged;
    }
}

/* Slots that are in @wanted stay, and their places there are emptied; @gone has the others. */
static void sort_out(KvmVm *vm, KvmSlot *wanted, unsigned n, bool gone[KVM_MAX_SLOTS])
{
    for (unsigned i = 0; i < KVM_MAX_SLOTS; i++) {
        gone[i] = vm->slots[i].size;
        for (unsigned w = 0; gone[i] && w < n; w++) {
            if (wanted[w].size && same_slot(&wanted[w], &vm->slots[i])) {
                keep_slot(vm, i, &wanted[w]);
                wanted[w].size = 0;
                gone[i] = false;
            }
        }
    }
}

/* Whether memory that stays is in a slot that does not. */
static bool moves_memory(const KvmVm *vm, const bool gone[KVM_MAX_SLOTS], const KvmSlot *wanted,
                         unsigned n)
{
    for (unsigned i = 0; i < KVM_MAX_SLOTS; i++) {
        for (unsigned w = 0; gone[i] && w < n; w++) {
            if (overlap(&vm->slots[i], &wanted[w])) {
                return true;
            }
        }
    }
    return false;
}

void kvm_memory_update(void *opaque)
{
    KvmVm *vm = opaque;
    if (!vm->ready) {
        return;
    }
    GArray *ranges = memory_map_ranges(vm->machine->memory);
    KvmSlot *wanted = g_new0(KvmSlot, ranges->len);
    bool gone[KVM_MAX_SLOTS];
    for (unsigned i = 0; i < ranges->len; i++) {
        wanted[i] = wanted_slot(&g_array_index(ranges, MemoryRange, i));
    }
    sort_out(vm, wanted, ranges->len, gone);
    bool gate = moves_memory(vm, gone, wanted, ranges->len);
    if (gate) {
        kvm_gate_close(vm);
    }
    for (unsigned i = 0; i < KVM_MAX_SLOTS; i++) {
        if (gone[i]) {
            remove_slot(vm, i);
        }
    }
    for (unsigned i = 0; i < ranges->len; i++) {
        if (wanted[i].size) {
            add_slot(vm, &wanted[i]);
        }
    }
    if (gate) {
        kvm_gate_open(vm);
    }
    g_free(wanted);
    g_array_free(ranges, true);
    kvm_doorbells_update(vm);
}
