/*
 * What the probe says of hosts whose KVM is of no use: one line each, with what and the remedy. The hosts are made up.
 */
#include "accel/kvm/kvm.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The host at the moment. */
static struct {
    int open_errno, version, vm_errno;
    unsigned long lacks; /* a capability */
    double ring0_ns;
    unsigned timed;
} fake;

static int fake_open(const char *path, int flags)
{
    g_assert_cmpstr(path, ==, "/dev/kvm");
    if (fake.open_errno) {
        errno = fake.open_errno;
        return -1;
    }
    return open("/dev/null", flags);
}

static int fake_ioctl(int fd, unsigned long request, unsigned long arg)
{
    switch (request) {
    case KVM_GET_API_VERSION: return fake.version;
    case KVM_CHECK_EXTENSION: return arg != fake.lacks;
    case KVM_CREATE_VM: errno = fake.vm_errno; return fake.vm_errno ? -1 : fd;
    }
    g_assert_not_reached();
}

static double fake_ring0_ns(int fd)
{
    fake.timed++;
    return fake.ring0_ns;
}

static const KvmHost host = {fake_open, fake_ioctl, fake_ring0_ns};

static void reset(void)
{
    memset(&fake, 0, sizeof(fake));
    fake.version = KVM_API_VERSION;
}

/* Opens it; the message has both parts if there are any. */
static void check(bool force, const char *what, const char *remedy)
{
    GError *error = NULL;
    int fd = kvm_open(&host, force, &error);

    if (!what) {
        g_assert_no_error(error);
        g_assert_cmpint(fd, >=, 0);
        close(fd);
    } else {
        g_assert_cmpint(fd, ==, -1);
        g_assert_nonnull(strstr(error->message, what));
        g_assert_nonnull(strstr(error->message, remedy));
        g_assert_null(strchr(error->message, '\n'));
        g_clear_error(&error);
    }
    reset();
}

static void test_open(void)
{
    reset();
    check(false, NULL, NULL);
    fake.open_errno = ENOENT;
    check(false, "there is no /dev/kvm", "load kvm-intel or kvm-amd");
    fake.open_errno = EACCES;
    check(false, "no permission", "usermod -aG kvm");
    fake.open_errno = EMFILE;
    check(false, "cannot open /dev/kvm", "Too many open files");
}

static void test_api(void)
{
    reset();
    fake.version = 11;
    check(true, "API version 11 instead of 12", "another kernel");
    fake.lacks = KVM_CAP_IMMEDIATE_EXIT;
    check(true, "lacks KVM_CAP_IMMEDIATE_EXIT", "Linux 4.14 or later");
}

static void test_speed(void)
{
    reset();
    fake.ring0_ns = 380;
    check(false, "emulates ring 0, at 380 ns", "force=on");
    fake.ring0_ns = 380;
    check(true, NULL, NULL);
    fake.ring0_ns = 3;
    check(false, NULL, NULL);
    fake.ring0_ns = -1; /* it does not even run: what is wrong will be said by who runs it */
    check(false, NULL, NULL);
}

static void test_vm(void)
{
    GError *error = NULL;

    reset();
    g_assert_cmpint(kvm_create_vm(&host, 5, &error), ==, 5);
    g_assert_no_error(error);
    fake.vm_errno = EBUSY;
    g_assert_cmpint(kvm_create_vm(&host, 5, &error), ==, -1);
    g_assert_nonnull(strstr(error->message, "another hypervisor"));
    g_assert_nonnull(strstr(error->message, "end it"));
    g_clear_error(&error);
    fake.vm_errno = ENOMEM;
    g_assert_cmpint(kvm_create_vm(&host, 5, &error), ==, -1);
    g_assert_nonnull(strstr(error->message, "no virtual machine"));
    g_clear_error(&error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/kvm-probe/open", test_open);
    g_test_add_func("/kvm-probe/api", test_api);
    g_test_add_func("/kvm-probe/speed", test_speed);
    g_test_add_func("/kvm-probe/vm", test_vm);
    return g_test_run();
}
