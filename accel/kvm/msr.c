/*
 * Model-specific registers: which ones the kernel has (KVM_GET_MSR_INDEX_LIST), and these to and from state.
 */
#include "accel/kvm/kvm.h"
#include "cpu/x86/msr.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define BATCH 255 /* the kernel takes fewer than 256 at a time */

/* For KVM_GET_MSRS and KVM_SET_MSRS: struct kvm_msrs, which ends in an array, with room. */
typedef struct MsrBatch {
    uint32_t nmsrs, pad;
    struct kvm_msr_entry entries[BATCH];
} MsrBatch;
G_STATIC_ASSERT(sizeof(struct kvm_msrs) == offsetof(MsrBatch, entries));

/* Those that go with the segments. */
static bool elsewhere(uint32_t index)
{
    return index == X86_MSR_EFER || index == X86_MSR_APIC_BASE || index == X86_MSR_FS_BASE ||
           index == X86_MSR_GS_BASE;
}

/* How many of @indices, at most BATCH, the kernel can read before it comes to one that it cannot. */
static unsigned count_readable(int fd, const uint32_t *indices, unsigned n)
{
    MsrBatch batch = {.nmsrs = n};

    for (unsigned i = 0; i < batch.nmsrs; i++) {
        batch.entries[i].index = indices[i];
    }
    int r = ioctl(fd, KVM_GET_MSRS, &batch);
    return MAX(r, 0);
}

/* Notes those of the @n @indices that can be read. */
static void note_readable(KvmVm *vm, int fd, const uint32_t *indices, unsigned n)
{
    while (n) {
        unsigned asked = MIN(n, BATCH), good = count_readable(fd, indices, asked);
        for (unsigned i = 0; i < good && vm->nmsrs < BATCH; i++) {
            vm->msrs[vm->nmsrs++] = indices[i];
        }
        good += good < asked; /* the one that stopped it */
        indices += good;
        n -= good;
    }
}

bool kvm_list_msrs(KvmVm *vm, int vcpu_fd, GError **error)
{
    struct kvm_msr_list probe = {0};

    ioctl(vm->dev_fd, KVM_GET_MSR_INDEX_LIST, &probe); /* fails, and says how many there are */
    struct kvm_msr_list *list = g_malloc0(sizeof(*list) + probe.nmsrs * sizeof(uint32_t));
    list->nmsrs = probe.nmsrs;
    if (ioctl(vm->dev_fd, KVM_GET_MSR_INDEX_LIST, list) < 0) {
        g_free(list);
        return error_set_errno(error, errno, "-accel kvm: KVM does not list its MSRs");
    }
    vm->msrs = g_new0(uint32_t, list->nmsrs);
    unsigned n = 0;
    for (unsigned i = 0; i < list->nmsrs; i++) {
        if (!elsewhere(list->indices[i])) {
            list->indices[n++] = list->indices[i];
        }
    }
    note_readable(vm, vcpu_fd, list->indices, n);
    g_free(list);
    return true;
}

bool kvm_get_msrs(KvmVcpu *kv, X86State *s)
{
    KvmVm *vm = kv->vm;
    MsrBatch batch = {.nmsrs = vm->nmsrs};

    for (unsigned i = 0; i < vm->nmsrs; i++) {
        batch.entries[i].index = vm->msrs[i];
    }
    int got = kvm_ioctl(kv->fd, KVM_GET_MSRS, &batch);
    for (int i = 0; i < got; i++) {
        x86_msr_set(s, batch.entries[i].index, batch.entries[i].data);
    }
    if (got >= 0 &&
        got < (int)vm->nmsrs) { /* one is not there at present: the others all the same */
        for (unsigned i = got; i < vm->nmsrs; i++) {
            MsrBatch one = {.nmsrs = 1, .entries = {{.index = vm->msrs[i]}}};
            if (ioctl(kv->fd, KVM_GET_MSRS, &one) == 1) {
                x86_msr_set(s, vm->msrs[i], one.entries[0].data);
            }
        }
    }
    return got >= 0;
}

/* The registers of @s in the kernel's list that differ from @old; the deadline of the APIC's timer if
 * @late, all others if not. */
static unsigned collect(const KvmVm *vm, const X86State *s, const X86State *old, bool late,
                        MsrBatch *batch)
{
    unsigned n = 0;

    for (unsigned i = 0; i < vm->nmsrs; i++) {
        uint64_t value, before = 0;
        if ((vm->msrs[i] == X86_MSR_TSC_DEADLINE) == late && x86_msr_get(s, vm->msrs[i], &value) &&
            (!x86_msr_get(old, vm->msrs[i], &before) || before != value)) {
            batch->entries[n++] = (struct kvm_msr_entry){.index = vm->msrs[i], .data = value};
        }
    }
    return n;
}

bool kvm_msrs_changed(const KvmVm *vm, const X86State *s, const X86State *old)
{
    MsrBatch batch;
    return collect(vm, s, old, false, &batch) || collect(vm, s, old, true, &batch);
}

bool kvm_put_msrs(KvmVcpu *kv, const X86State *s, const X86State *old, bool late)
{
    MsrBatch batch = {0};
    unsigned n = collect(kv->vm, s, old, late, &batch), done = 0;

    while (done < n) {
        struct kvm_msr_entry *rest = &batch.entries[done];
        memmove(batch.entries, rest, (n - done) * sizeof(*rest));
        n -= done;
        batch.nmsrs = n;
        int r = kvm_ioctl(kv->fd, KVM_SET_MSRS, &batch);
        if (r < 0) {
            return false;
        }
        if (r < (int)n) { /* it is one that the guest cannot write either */
            log_guest_error("kvm: CPU %u: MSR 0x%x does not take 0x%llx", kv->vcpu->index,
                            batch.entries[r].index, (unsigned long long)batch.entries[r].data);
            r++;
        }
        done = r;
        if (done >= n) {
            break;
        }
    }
    return true;
}
