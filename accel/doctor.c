/*
 * `amphi doctor`: see doctor.h. The messages about KVM are those of -accel kvm (kvm/probe.c), so that there is one
 * place that knows the remedies.
 */
#include "accel/doctor.h"
#include "softmmu/base/error.h"
#include "tcg/codemem.h"
#include <cpuid.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NESTED                                                                                   \
    "this host is a virtual machine without nested virtualization: have it switched on outside " \
    "(kvm_intel.nested=1 or kvm_amd.nested=1 and -cpu host; in a cloud, an instance type that "  \
    "has it)"

static bool has_virtualization(void)
{
    unsigned a, b, c, d;
    return (__get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 5)) ||
           (__get_cpuid(0x80000001, &a, &b, &c, &d) && (c & 1u << 2));
}

static bool is_guest(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 31);
}

static bool may_execute(void)
{
    CodeMem memory;
    if (!codemem_init(&memory, 4096, NULL, NULL)) {
        return false;
    }
    codemem_free(&memory);
    return true;
}

static bool may_read(const char *path)
{
    return access(path, R_OK) == 0;
}

static int try_io_uring(void)
{
    struct io_uring_params params = {0};
    int fd = syscall(SYS_io_uring_setup, 1, &params);
    if (fd < 0) {
        return errno;
    }
    close(fd);
    return 0;
}

const DoctorHost doctor_this_host = {
    &kvm_this_host, has_virtualization, is_guest, may_execute, may_read, try_io_uring,
};

/* A line of the report; returns 1 if it is about something bad. */
static unsigned line(GString *out, bool ok, const char *what, const char *text)
{
    g_string_append_printf(out, "%-5s %-14s %s\n", ok ? "ok" : "BAD", what, text);
    return !ok;
}

static unsigned check_processor(const DoctorHost *host, GString *out)
{
    if (host->has_virtualization()) {
        return line(out, true, "processor", "has VT-x or SVM");
    }
    return line(out, false, "processor",
                host->is_guest()
                    ? NESTED
                    : "has no VT-x or SVM, or the firmware has switched it off: switch "
                      "virtualization on there");
}

static unsigned check_kvm(const DoctorHost *host, GString *out)
{
    static const char prefix[] = "-accel kvm: ";
    GError *error = NULL;
    int fd = kvm_open(host->kvm, false, &error);
    int vm = fd >= 0 ? kvm_create_vm(host->kvm, fd, &error) : -1;
    if (vm >= 0) {
        close(vm);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (!error) {
        return line(out, true, "kvm", "runs x86-64 guests on the processor itself");
    }
    const char *text = error->message;
    line(out, false, "kvm", g_str_has_prefix(text, prefix) ? text + strlen(prefix) : text);
    g_error_free(error);
    return 1;
}

static unsigned check_firmware(const DoctorHost *host, GString *out, const char *what,
                               const char *path, const char *package)
{
    char *text = host->may_read(path)
                     ? g_strdup(path)
                     : g_strdup_printf("%s is missing: install the package %s, or give -bios", path,
                                       package);
    unsigned bad = line(out, host->may_read(path), what, text);
    g_free(text);
    return bad;
}

unsigned doctor_report(const DoctorHost *host, GString *out)
{
    unsigned bad = check_processor(host, out) + check_kvm(host, out);
    bool execute = host->may_execute();
    int uring = host->io_uring();

    bad += line(out, execute, "translator",
                execute
                    ? "runs riscv64 guests by translation"
                    : "memory may not be executed (SELinux, or a sandbox around amphi): guests are "
                      "interpreted, many times slower; allow execmem");
    bad += line(out, uring == 0, "io_uring",
                uring == 0
                    ? "disks are served by it"
                    : "refused by this kernel (see kernel.io_uring_disabled): disks are served by "
                      "threads, a little slower");
    bad += check_firmware(host, out, "riscv64 boot",
                          "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin", "opensbi");
    bad += check_firmware(host, out, "x86-64 boot", "/usr/share/seabios/bios-256k.bin", "seabios");
    bool tun = host->may_read("/dev/net/tun");
    bad += line(
        out, tun, "tap networks",
        tun ? "/dev/net/tun is there"
            : "no access to /dev/net/tun: load the module tun; -netdev user works all the same");
    return bad;
}
