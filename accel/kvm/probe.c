/*
 * Is there a KVM that is of use? Each failure is one line that says what is wrong and the remedy.
 *
 * The last question is speed: some hosts (virtual machines themselves) offer a KVM that emulates ring 0, at
 * hundreds of nanoseconds an instruction; the translator is many times faster there. Where the processor
 * has VT-x or SVM ring 0 is native, elsewhere a small loop in a machine of its own is timed.
 */
#include "accel/kvm/kvm.h"
#include "softmmu/base/error.h"
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define DEVICE "/dev/kvm"
#define SLOW_NS 50.0 /* per instruction */

int kvm_ioctl(int fd, unsigned long request, void *arg)
{
    int r;
    do {
        r = ioctl(fd, request, arg);
    } while (r < 0 && errno == EINTR);
    return r;
}

static bool cannot_open(GError **error)
{
    switch (errno) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
        return error_set(error, "-accel kvm: there is no " DEVICE
                                "; load kvm-intel or kvm-amd, and switch "
                                "virtualization on in the firmware");
    case EACCES:
    case EPERM:
        return error_set(error,
                         "-accel kvm: no permission for " DEVICE "; join its group (sudo usermod "
                         "-aG kvm $USER, then log in again)");
    }
    return error_set_errno(error, errno, "-accel kvm: cannot open " DEVICE);
}

/* What the engine cannot do without. */
static const struct {
    int cap;
    const char *what;
} needed[] = {
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    {KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR"},
    {KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
    {KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE"},
    {KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS"},
    {KVM_CAP_DEBUGREGS, "KVM_CAP_DEBUGREGS"},
    {KVM_CAP_XSAVE, "KVM_CAP_XSAVE"},
    {KVM_CAP_XCRS, "KVM_CAP_XCRS"},
    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
    {KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM"},
};

static bool check_api(const KvmHost *host, int fd, GError **error)
{
    int version = host->ioctl(fd, KVM_GET_API_VERSION, 0);

    if (version != KVM_API_VERSION) {
        return error_set(error,
                         "-accel kvm: " DEVICE " has API version %d instead of %d; use another "
                         "kernel",
                         version, KVM_API_VERSION);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(needed); i++) {
        if (host->ioctl(fd, KVM_CHECK_EXTENSION, needed[i].cap) <= 0) {
            return error_set(error,
                             "-accel kvm: the kernel is too old, its KVM lacks %s; use Linux 4.14 "
                             "or later",
                             needed[i].what);
        }
    }
    return true;
}

/* ---- The speed of ring 0 ---- */

typedef struct Trial {
    int vm, vcpu;
    struct kvm_run *run;
    size_t run_size;
    uint8_t *memory;
} Trial;

/* mov cx, COUNT; dec cx; jnz; hlt; at address 0 of real mode. */
static const uint8_t loop_code[] = {0xb9, 0, 0, 0x49, 0x75, 0xfd, 0xf4};
#define PAGE 4096

static bool trial_begin(Trial *t, int fd)
{
    struct kvm_userspace_memory_region slot = {.memory_size = PAGE};
    int size = ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);

    t->vm = ioctl(fd, KVM_CREATE_VM, 0);
    t->memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (t->vm < 0 || size <= 0 || t->memory == MAP_FAILED) {
        return false;
    }
    for (unsigned i = 0; i < sizeof(loop_code); i++) {
        t->memory[i] = loop_code[i];
    }
    slot.userspace_addr = (uintptr_t)t->memory;
    ioctl(t->vm, KVM_SET_TSS_ADDR, 0xfffbd000);
    if (ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0) {
        return false;
    }
    t->vcpu = ioctl(t->vm, KVM_CREATE_VCPU, 0);
    t->run_size = size;
    t->run =
        t->vcpu < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, t->vcpu, 0);
    return t->run != MAP_FAILED;
}

static void trial_end(Trial *t)
{
    if (t->run && t->run != MAP_FAILED) {
        munmap(t->run, t->run_size);
    }
    if (t->vcpu >= 0) {
        close(t->vcpu);
    }
    if (t->vm >= 0) {
        close(t->vm);
    }
    if (t->memory && t->memory != MAP_FAILED) {
        munmap(t->memory, PAGE);
    }
}

/* Nanoseconds for a loop of @count iterations; negative: it does not run. */
static double trial_run(Trial *t, unsigned count)
{
    struct kvm_sregs sregs;
    struct kvm_regs regs = {.rflags = 2};
    struct timespec begin, end;

    if (ioctl(t->vcpu, KVM_GET_SREGS, &sregs) < 0) {
        return -1;
    }
    sregs.cs.base = sregs.cs.selector = 0;
    t->memory[1] = count & 0xff;
    t->memory[2] = count >> 8;
    if (ioctl(t->vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(t->vcpu, KVM_SET_REGS, &regs) < 0) {
        return -1;
    }
    clock_gettime(CLOCK_MONOTONIC, &begin);
    int r = kvm_ioctl(t->vcpu, KVM_RUN, NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (r < 0 || t->run->exit_reason != KVM_EXIT_HLT) {
        return -1;
    }
    return (end.tv_sec - begin.tv_sec) * 1e9 + (end.tv_nsec - begin.tv_nsec);
}

/* Nanoseconds per instruction of ring 0; negative: not known. */
static double ring0_speed(int fd)
{
    enum { SHORT = 1, LONG = 1001, TRIES = 3 };
    Trial t = {.vm = -1, .vcpu = -1};
    double best = -1;

    if (trial_begin(&t, fd)) {
        trial_run(&t, SHORT); /* the first time everything is cold */
        for (int i = 0; i < TRIES; i++) {
            double none = trial_run(&t, SHORT), all = trial_run(&t, LONG);
            double each = (all - none) / (2 * (LONG - SHORT));
            if (none >= 0 && all >= 0 && (best < 0 || each < best)) {
                best = MAX(each, 0);
            }
        }
    }
    trial_end(&t);
    return best;
}

static bool has_virtualization(void)
{
    unsigned a, b, c, d;

    if (__get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 5)) { /* VMX */
        return true;
    }
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & 1u << 2); /* SVM */
}

static double real_ring0_ns(int fd)
{
    return has_virtualization() ? 0 : ring0_speed(fd);
}

static int real_open(const char *path, int flags)
{
    return open(path, flags);
}

static int real_ioctl(int fd, unsigned long request, unsigned long arg)
{
    return kvm_ioctl(fd, request, (void *)arg);
}

const KvmHost kvm_this_host = {real_open, real_ioctl, real_ring0_ns};

/* ---- The questions ---- */

static bool check_speed(const KvmHost *host, int fd, GError **error)
{
    double ns = host->ring0_ns(fd);

    if (ns <= SLOW_NS) {
        return true;
    }
    return error_set(
        error,
        "-accel kvm: this host's KVM emulates ring 0, at %.0f ns an instruction; use a host "
        "with VT-x or SVM, or -accel kvm,force=on to have it anyway",
        ns);
}

int kvm_open(const KvmHost *host, bool force, GError **error)
{
    int fd = host->open(DEVICE, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        cannot_open(error);
    } else if (!check_api(host, fd, error) || (!force && !check_speed(host, fd, error))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

int kvm_create_vm(const KvmHost *host, int dev_fd, GError **error)
{
    int fd = host->ioctl(dev_fd, KVM_CREATE_VM, 0);

    if (fd < 0 && errno == EBUSY) {
        error_set(error,
                  "-accel kvm: another hypervisor of this host (VirtualBox, VMware) uses the "
                  "processor's virtualization; end it");
    } else if (fd < 0) {
        error_set_errno(error, errno, "-accel kvm: KVM makes no virtual machine");
    }
    return fd;
}
