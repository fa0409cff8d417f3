/*
 * How the process runs: see process.h.
 *
 * The sandbox lists what is refused, not what is allowed: the libraries that amphi uses may want any of the rest. The
 * groups are those that -sandbox has in QEMU (qemu(1)); obsolete calls and the few that no emulator needs (loading
 * modules, rebooting the host, mounting) are in the first. A refused call ends the process, except those that
 * libraries only try, which fail.
 */
#include "softmmu/process.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>

bool process_prepare(const ProcessOptions *options, GError **error)
{
    if (options->name) {
        prctl(PR_SET_NAME, options->name);
    }
    if (options->lock_memory && mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        return error_set_errno(error, errno,
                               "-overcommit mem-lock=on: the host does not lock that "
                               "much memory (see ulimit -l)");
    }
    return true;
}

static const struct {
    SandboxFlags group;
    int call;
} refused[] = {
    {SANDBOX_ON, SCMP_SYS(reboot)},
    {SANDBOX_ON, SCMP_SYS(swapon)},
    {SANDBOX_ON, SCMP_SYS(swapoff)},
    {SANDBOX_ON, SCMP_SYS(syslog)},
    {SANDBOX_ON, SCMP_SYS(mount)},
    {SANDBOX_ON, SCMP_SYS(umount2)},
    {SANDBOX_ON, SCMP_SYS(pivot_root)},
    {SANDBOX_ON, SCMP_SYS(kexec_load)},
    {SANDBOX_ON, SCMP_SYS(kexec_file_load)},
    {SANDBOX_ON, SCMP_SYS(init_module)},
    {SANDBOX_ON, SCMP_SYS(finit_module)},
    {SANDBOX_ON, SCMP_SYS(delete_module)},
    {SANDBOX_ON, SCMP_SYS(acct)},
    {SANDBOX_ON, SCMP_SYS(add_key)},
    {SANDBOX_ON, SCMP_SYS(request_key)},
    {SANDBOX_ON, SCMP_SYS(keyctl)},
    {SANDBOX_ON, SCMP_SYS(ptrace)},
    {SANDBOX_ON, SCMP_SYS(bpf)},
    {SANDBOX_OBSOLETE, SCMP_SYS(_sysctl)},
    {SANDBOX_OBSOLETE, SCMP_SYS(uselib)},
    {SANDBOX_OBSOLETE, SCMP_SYS(ustat)},
    {SANDBOX_OBSOLETE, SCMP_SYS(sysfs)},
    {SANDBOX_OBSOLETE, SCMP_SYS(create_module)},
    {SANDBOX_OBSOLETE, SCMP_SYS(get_kernel_syms)},
    {SANDBOX_OBSOLETE, SCMP_SYS(query_module)},
    {SANDBOX_OBSOLETE, SCMP_SYS(nfsservctl)},
    {SANDBOX_OBSOLETE, SCMP_SYS(vserver)},
    {SANDBOX_PRIVILEGES, SCMP_SYS(setuid)},
    {SANDBOX_PRIVILEGES, SCMP_SYS(setgid)},
    {SANDBOX_PRIVILEGES, SCMP_SYS(setreuid)},
    {SANDBOX_PRIVILEGES, SCMP_SYS(setregid)},
    {SANDBOX_PRIVILEGES, SCMP_SYS(setresuid)},
    {SANDBOX_PRIVILEGES, SCMP_SYS(setresgid)},
    {SANDBOX_PRIVILEGES, SCMP_SYS(setfsuid)},
    {SANDBOX_PRIVILEGES, SCMP_SYS(setfsgid)},
    {SANDBOX_PRIVILEGES, SCMP_SYS(setgroups)},
    {SANDBOX_PRIVILEGES, SCMP_SYS(setns)},
    {SANDBOX_PRIVILEGES, SCMP_SYS(unshare)},
    {SANDBOX_SPAWN, SCMP_SYS(fork)},
    {SANDBOX_SPAWN, SCMP_SYS(vfork)},
    {SANDBOX_SPAWN, SCMP_SYS(execve)},
    {SANDBOX_SPAWN, SCMP_SYS(execveat)},
    {SANDBOX_RESOURCES, SCMP_SYS(setpriority)},
    {SANDBOX_RESOURCES, SCMP_SYS(sched_setparam)},
    {SANDBOX_RESOURCES, SCMP_SYS(sched_setaffinity)},
    {SANDBOX_RESOURCES, SCMP_SYS(sched_setattr)},
    {SANDBOX_RESOURCES, SCMP_SYS(ioprio_set)},
};

/* New threads are needed, new processes are not. clone3() hides which from the filter; told that the kernel lacks it,
 * the C library uses clone(). */
static int refuse_processes(scmp_filter_ctx filter)
{
    int err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return err ? err
               : seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
}

/* Libraries try real-time priorities and do without. */
static int refuse_priorities(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(sched_setscheduler), 0);
}

static int add_rules(scmp_filter_ctx filter, SandboxFlags flags)
{
    int err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    for (unsigned i = 0; !err && i < ARRAY_SIZE(refused); i++) {
        if (flags & refused[i].group) {
            err = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, refused[i].call, 0);
        }
    }
    if (!err && flags & SANDBOX_SPAWN) {
        err = refuse_processes(filter);
    }
    if (!err && flags & SANDBOX_RESOURCES) {
        err = refuse_priorities(filter);
    }
    return err ? err : seccomp_load(filter);
}

bool process_enter_sandbox(SandboxFlags flags, GError **error)
{
    if (!flags) {
        return true;
    }
    if (flags & SANDBOX_NO_NEW_PRIVILEGES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return error_set_errno(error, errno, "-sandbox: elevateprivileges=children is refused");
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int err = filter ? add_rules(filter, flags) : -ENOMEM;
    if (filter) {
        seccomp_release(filter);
    }
    return err == 0 ||
           error_set_errno(error, -err, "-sandbox: this host's kernel refuses the filter");
}
