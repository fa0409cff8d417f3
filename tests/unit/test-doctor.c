/*
 * `amphi doctor` on hosts that this one is not.
 */
#include "accel/doctor.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

static int open_errno, ioctl_errno, uring_errno;
static bool yes_virtual, yes_guest, yes_execute, yes_read;

static int fake_open(const char *path, int flags)
{
    errno = open_errno;
    return open_errno ? -1 : dup(0);
}

static int fake_ioctl(int fd, unsigned long request, unsigned long arg)
{
    if (request == KVM_GET_API_VERSION) {
        return KVM_API_VERSION;
    }
    if (request == KVM_CREATE_VM) {
        errno = ioctl_errno;
        return ioctl_errno ? -1 : dup(0);
    }
    return 1;
}

static double ring0_ns;

static double fake_ring0(int fd)
{
    return ring0_ns;
}

static bool has_virtualization(void)
{
    return yes_virtual;
}

static bool is_guest(void)
{
    return yes_guest;
}

static bool may_execute(void)
{
    return yes_execute;
}

static bool may_read(const char *path)
{
    return yes_read;
}

static int io_uring(void)
{
    return uring_errno;
}

static const KvmHost kvm = {fake_open, fake_ioctl, fake_ring0};
static const DoctorHost host = {&kvm,        has_virtualization, is_guest,
                                may_execute, may_read,           io_uring};

static void reset(void)
{
    open_errno = ioctl_errno = uring_errno = 0;
    ring0_ns = 0;
    yes_virtual = yes_execute = yes_read = true;
    yes_guest = false;
}

/* The report has @bad bad lines, one of which contains @text. */
static void expect(unsigned bad, const char *text)
{
    GString *out = g_string_new(NULL);
    g_assert_cmpuint(doctor_report(&host, out), ==, bad);
    g_test_message("%s", out->str);
    g_assert_nonnull(strstr(out->str, text));
    g_string_free(out, true);
    reset();
}

static void test_report(void)
{
    reset();
    expect(0, "ok    kvm            runs x86-64 guests on the processor itself\n");
    open_errno = ENOENT;
    expect(1, "BAD   kvm            there is no /dev/kvm; load kvm-intel");
    open_errno = EACCES;
    expect(1, "no permission for /dev/kvm; join its group");
    ioctl_errno = EBUSY;
    expect(1, "another hypervisor of this host");
    ring0_ns = 800;
    yes_virtual = false;
    yes_guest = true;
    expect(2, "BAD   processor      this host is a virtual machine without nested");
    ring0_ns = 800;
    expect(1, "emulates ring 0, at 800 ns an instruction");
    yes_virtual = false;
    expect(1, "switch virtualization on there");
    yes_execute = false;
    expect(1, "BAD   translator     memory may not be executed");
    uring_errno = EPERM;
    expect(1, "kernel.io_uring_disabled");
    yes_read = false;
    expect(3, "install the package opensbi");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/doctor/report", test_report);
    return g_test_run();
}
