/*
 * Semihosting: the operations. See semihosting.h.
 *
 * A call runs on the vCPU's thread. It first reads its parameters and looks whether it may access the buffers they
 * name: where the guest's page tables have nothing, the guest gets the page fault, may provide the page, and does
 * the call again; where memory protection says no, the call fails with EFAULT. From then on nothing
 * leaves by a fault, the machine lock is held while handles are used, and host code has the host's
 * floating-point environment. Calls that wait for input do so without the lock, and are given up, to be done again,
 * when something else wants the vCPU.
 *
 * In a snapshot the handles of console and features are kept; open files are closed in the machine that it
 * is loaded into.
 */
#include "softmmu/semihosting.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include "softmmu/memory-internal.h"
#include "softmmu/semihosting-internal.h"
#include <errno.h>
#include <fcntl.h>
#include <immintrin.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096u
#define PIECE 4096u             /* bytes copied at once */
#define TRANSFER_MAX (16 * MIB) /* of one call; it then was partial */
#define NAME_MAX_LEN 4095u
#define TEXT_MAX (1 * MIB)  /* of SYS_WRITE0 */
#define WAIT_US (20 * 1000) /* until looking for kicks again */
#define CENTISECOND_NS INT64_C(10000000)
#define APPLICATION_EXIT 0x20026 /* ADP_Stopped_ApplicationExit */

typedef struct Call {
    Semihosting *s;
    Vcpu *vcpu;
    uint64_t param;
    uint64_t args[4]; /* the words that param points to, as many as the operation has */
    uint32_t mxcsr;
} Call;

#define FAILED UINT64_MAX

/* ---- The guest's memory ---- */

static bool wraps(uint64_t addr, uint64_t len)
{
    return len && addr + len - 1 < addr;
}

/* Sees whether @len bytes at @addr can be accessed; false: memory protection. A page fault leaves. */
static bool probe(Call *call, uint64_t addr, uint64_t len, MmuAccess access)
{
    const GuestArch *arch = call->vcpu->arch;
    MmuMapping mapping;
    if (wraps(addr, len)) {
        return false;
    }
    for (uint64_t at = addr; len && at <= addr + len - 1;) {
        MmuFault fault = arch->walk(call->vcpu, at, 1, access, &mapping);
        if (fault == MMU_PAGE_FAULT) {
            arch->deliver_fault(call->vcpu, at, access, fault);
            vcpu_unwind(call->vcpu, VCPU_EXIT_EXCEPTION);
        }
        if (fault != MMU_OK) {
            return false;
        }
        uint64_t next = align_down(at, PAGE) + PAGE;
        if (next < at) {
            break;
        }
        at = next;
    }
    return true;
}

/* Copies after a probe() of that. False: it is not memory. */
static bool copy(Call *call, uint64_t addr, void *buf, size_t len, bool write)
{
    AddressSpace *as = &call->vcpu->machine->dma;
    uint8_t *at = buf;
    while (len) {
        size_t n = MIN(len, PAGE - addr % PAGE);
        MmuMapping mapping;
        MmuFault fault =
            call->vcpu->arch->walk(call->vcpu, addr, 1, write ? MMU_WRITE : MMU_READ, &mapping);
        if (fault != MMU_OK || (write ? dma_write(as, mapping.gpa, at, n)
                                      : dma_read(as, mapping.gpa, at, n)) != MEM_OK) {
            return false;
        }
        addr += n;
        at += n;
        len -= n;
    }
    return true;
}

static bool read_guest(Call *call, uint64_t addr, void *buf, size_t len)
{
    return probe(call, addr, len, MMU_READ) && copy(call, addr, buf, len, false);
}

static bool write_guest(Call *call, uint64_t addr, const void *buf, size_t len)
{
    return probe(call, addr, len, MMU_WRITE) && copy(call, addr, (void *)buf, len, true);
}

/* A name of @len bytes; false if it cannot be read or has a zero in it. */
typedef char Name[NAME_MAX_LEN + 1];

static bool read_name(Call *call, uint64_t addr, uint64_t len, Name name)
{
    if (len > NAME_MAX_LEN || !read_guest(call, addr, name, len)) {
        return false;
    }
    name[len] = 0;
    return strlen(name) == len;
}

/* ---- Between guest and host code ---- */

static void enter_host(Call *call)
{
    call->mxcsr = _mm_getcsr();
    _mm_setcsr(MXCSR_HOST);
    machine_lock(call->vcpu->machine);
}

static void leave_host(Call *call)
{
    machine_unlock(call->vcpu->machine);
    _mm_setcsr(call->mxcsr);
}

/* What a call that fails with @err returns. */
static uint64_t fail(Call *call, int err)
{
    __atomic_store_n(&call->s->last_error, err, __ATOMIC_RELAXED);
    return FAILED;
}

static uint64_t result(Call *call, int err)
{
    return err ? fail(call, err) : 0;
}

static bool kicked(const Vcpu *vcpu)
{
    return __atomic_load_n(&vcpu->kick, __ATOMIC_RELAXED) != 0;
}

/* ---- The console ---- */

static void console_write(Semihosting *s, const void *buf, size_t len)
{
    if (s->console) {
        chardev_write(s->console, buf, len);
    } else {
        (void)!write(STDERR_FILENO, buf, len);
    }
}

/* Waits for input; at most @len bytes, 0 at its end. */
static size_t console_read(Call *call, uint8_t *buf, size_t len)
{
    Semihosting *s = call->s;
    g_mutex_lock(&s->lock);
    while (!s->input_len && s->console && !__atomic_load_n(&s->console->ended, __ATOMIC_RELAXED)) {
        if (kicked(call->vcpu)) {
            g_mutex_unlock(&s->lock);
            vcpu_unwind(call->vcpu, VCPU_EXIT_KICK); /* and again, from the instruction on */
        }
        g_cond_wait_until(&s->arrived, &s->lock, g_get_monotonic_time() + WAIT_US);
    }
    size_t n = MIN(len, s->input_len);
    memcpy(buf, s->input, n);
    s->input_len -= n;
    memmove(s->input, s->input + n, s->input_len);
    g_mutex_unlock(&s->lock);
    enter_host(call);
    if (s->console) {
        chardev_accept_input(s->console);
    }
    leave_host(call);
    return n;
}

static size_t can_receive(void *opaque)
{
    Semihosting *s = opaque;
    g_mutex_lock(&s->lock);
    size_t room = SEMI_INPUT_SIZE - s->input_len;
    g_mutex_unlock(&s->lock);
    return room;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    Semihosting *s = opaque;
    g_mutex_lock(&s->lock);
    len = MIN(len, SEMI_INPUT_SIZE - s->input_len);
    memcpy(s->input + s->input_len, buf, len);
    s->input_len += len;
    g_cond_broadcast(&s->arrived);
    g_mutex_unlock(&s->lock);
}

static void released(void *opaque)
{
    ((Semihosting *)opaque)->console = NULL;
}

static const CharHandlers console_handlers = {
    .can_receive = can_receive,
    .receive = receive,
    .released = released,
};

/* ---- Operations on files; their names are those of the specification ---- */

static uint64_t sys_open(Call *call)
{
    unsigned handle = 0;
    Name path;
    if (!read_name(call, call->args[0], call->args[2], path)) {
        return fail(call, EFAULT);
    }
    enter_host(call);
    int err = semi_open(call->s, path, MIN(call->args[1], UINT_MAX), &handle);
    leave_host(call);
    return err ? fail(call, err) : handle;
}

static uint64_t sys_close(Call *call)
{
    enter_host(call);
    int err = semi_close(call->s, call->args[0]);
    leave_host(call);
    return result(call, err);
}

static uint64_t sys_writec(Call *call)
{
    uint8_t c;
    if (!read_guest(call, call->param, &c, 1)) {
        return fail(call, EFAULT);
    }
    enter_host(call);
    console_write(call->s, &c, 1);
    leave_host(call);
    return 0;
}

static uint64_t sys_write0(Call *call)
{
    uint8_t piece[PIECE];
    uint64_t addr = call->param;
    /* All of it, before any of it is written: a fault does it again. */
    for (uint64_t total = 0; total < TEXT_MAX;) {
        size_t n = PAGE - (addr + total) % PAGE;
        if (!read_guest(call, addr + total, piece, n)) {
            return fail(call, EFAULT);
        }
        const uint8_t *end = memchr(piece, 0, n);
        total += end ? (size_t)(end - piece) : n;
        if (end) {
            break;
        }
    }
    for (uint64_t total = 0; total < TEXT_MAX;) {
        size_t n = PAGE - (addr + total) % PAGE;
        if (!copy(call, addr + total, piece, n, false)) {
            return fail(call, EFAULT);
        }
        const uint8_t *end = memchr(piece, 0, n);
        n = end ? (size_t)(end - piece) : n;
        enter_host(call);
        console_write(call->s, piece, n);
        leave_host(call);
        total += n;
        if (end) {
            break;
        }
    }
    return 0;
}

/* Writes a piece to @number; 0 or an errno value. */
static int write_piece(Call *call, uint64_t number, const uint8_t *piece, size_t len, size_t *done)
{
    enter_host(call);
    SemiHandle *handle = semi_handle(call->s, number);
    int err = handle ? 0 : EBADF;
    *done = 0;
    if (handle && (handle->kind == SEMI_STDOUT || handle->kind == SEMI_STDERR)) {
        console_write(call->s, piece, len);
        *done = len;
    } else if (handle) {
        err = semi_file_write(handle, piece, len, done);
    }
    leave_host(call);
    return err;
}

/* Returns the bytes that were not written. */
static uint64_t sys_write(Call *call)
{
    uint64_t addr = call->args[1], len = call->args[2], limit = MIN(len, TRANSFER_MAX), total = 0;
    uint8_t piece[PIECE];
    if (wraps(addr, len) || !probe(call, addr, limit, MMU_READ)) {
        fail(call, EFAULT);
        return len;
    }
    while (total < limit) {
        size_t n = MIN(limit - total, sizeof(piece)), done = 0;
        int err = copy(call, addr + total, piece, n, false)
                      ? write_piece(call, call->args[0], piece, n, &done)
                      : EFAULT;
        total += done;
        if (err) {
            fail(call, err);
            break;
        }
    }
    return len - total;
}

/* Reads a piece of a file. */
static int read_piece(Call *call, uint64_t number, uint8_t *piece, size_t len, size_t *done)
{
    enter_host(call);
    SemiHandle *handle = semi_handle(call->s, number);
    int err = handle ? semi_file_read(handle, piece, len, done) : EBADF;
    leave_host(call);
    return err;
}

static bool is_stdin(Call *call, uint64_t number)
{
    enter_host(call);
    const SemiHandle *handle = semi_handle(call->s, number);
    bool is = handle && handle->kind == SEMI_STDIN;
    leave_host(call);
    return is;
}

/* Returns the bytes that were not read: @len at the end of the file, and if nothing could be read, for which the
 * specification has no other value; SYS_ERRNO then has the reason. */
static uint64_t sys_read(Call *call)
{
    uint64_t addr = call->args[1], len = call->args[2], limit = MIN(len, TRANSFER_MAX), total = 0;
    uint8_t piece[PIECE];
    size_t done = 0;
    if (wraps(addr, len) || !probe(call, addr, limit, MMU_WRITE)) {
        fail(call, EFAULT);
        return len;
    }
    bool from_console = is_stdin(call, call->args[0]);
    do {
        size_t n = MIN(limit - total, sizeof(piece));
        int err = 0;
        if (from_console) {
            done = n ? console_read(call, piece, n) : 0;
        } else {
            err = read_piece(call, call->args[0], piece, n, &done);
        }
        if (!err && !copy(call, addr + total, piece, done, true)) {
            err = EFAULT;
        }
        if (err) {
            fail(call, err);
            break;
        }
        total += done;
    } while (done && total < limit && !from_console);
    return len - total;
}

static uint64_t sys_readc(Call *call)
{
    uint8_t c;
    return console_read(call, &c, 1) ? c : FAILED;
}

static uint64_t sys_iserror(Call *call)
{
    return (int64_t)call->args[0] < 0;
}

static uint64_t sys_istty(Call *call)
{
    enter_host(call);
    const SemiHandle *handle = semi_handle(call->s, call->args[0]);
    uint64_t is = handle && handle->kind >= SEMI_STDIN && handle->kind <= SEMI_STDERR;
    leave_host(call);
    return handle ? is : fail(call, EBADF);
}

static uint64_t sys_seek(Call *call)
{
    enter_host(call);
    SemiHandle *handle = semi_handle(call->s, call->args[0]);
    int err = handle ? semi_file_seek(handle, call->args[1]) : EBADF;
    leave_host(call);
    return result(call, err);
}

static uint64_t sys_flen(Call *call)
{
    uint64_t length = 0;
    enter_host(call);
    SemiHandle *handle = semi_handle(call->s, call->args[0]);
    int err = handle ? semi_file_length(handle, &length) : EBADF;
    leave_host(call);
    return err ? fail(call, err) : length;
}

/* The same name for the same number, of this process only. */
static uint64_t sys_tmpnam(Call *call)
{
    char name[32];
    int len = g_snprintf(name, sizeof(name), "tmp-%d-%02x", (int)getpid(),
                         (unsigned)call->args[1] & 0xff) +
              1;
    if (call->args[1] > 255 || call->args[2] < (unsigned)len) {
        return fail(call, EINVAL);
    }
    return write_guest(call, call->args[0], name, len) ? 0 : fail(call, EFAULT);
}

static uint64_t sys_remove(Call *call)
{
    Name path;
    if (!read_name(call, call->args[0], call->args[1], path)) {
        return fail(call, EFAULT);
    }
    enter_host(call);
    int err = semi_remove(call->s, path);
    leave_host(call);
    return result(call, err);
}

static uint64_t sys_rename(Call *call)
{
    Name from, to;
    if (!read_name(call, call->args[0], call->args[1], from) ||
        !read_name(call, call->args[2], call->args[3], to)) {
        return fail(call, EFAULT);
    }
    enter_host(call);
    int err = semi_rename(call->s, from, to);
    leave_host(call);
    return result(call, err);
}

/* ---- Other operations ---- */

static int64_t virtual_now(const Call *call)
{
    return clock_now(call->vcpu->machine->clock);
}

static uint64_t sys_clock(Call *call)
{
    return virtual_now(call) / CENTISECOND_NS;
}

static uint64_t sys_time(Call *call)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

/* No commands of the host. */
static uint64_t sys_system(Call *call)
{
    log_guest_error("semihosting: a command of the host was refused\n");
    return fail(call, EPERM);
}

static uint64_t sys_errno(Call *call)
{
    return __atomic_load_n(&call->s->last_error, __ATOMIC_RELAXED);
}

static uint64_t sys_get_cmdline(Call *call)
{
    const char *text = call->s->arguments;
    uint64_t len = strlen(text);
    if (call->args[1] <= len) {
        return fail(call, E2BIG);
    }
    return probe(call, call->param + 8, 8, MMU_WRITE) &&
                   write_guest(call, call->args[0], text, len + 1) &&
                   write_guest(call, call->param + 8, &len, 8)
               ? 0
               : fail(call, EFAULT);
}

/* Where main memory is, as guests see it; 0 if they do not. */
static uint64_t ram_base(const Machine *machine)
{
    const GPtrArray *regions = machine->memory->regions;
    for (unsigned i = 0; i < regions->len; i++) {
        const MemoryRegion *region = regions->pdata[i];
        if (region->ram && region->ram == machine->ram && !region->ram_offset) {
            return region->base;
        }
    }
    return 0;
}

/* The upper half of main memory: heap from its begin, stack from its end. */
static uint64_t sys_heapinfo(Call *call)
{
    const Machine *machine = call->vcpu->machine;
    uint64_t size = machine->ram ? machine->ram->size : 0, base = ram_base(machine);
    uint64_t middle = base + size / 2, end = base + size;
    uint64_t block[] = {middle, end, end, middle};
    return write_guest(call, call->args[0], block, sizeof(block)) ? 0 : fail(call, EFAULT);
}

/* The machine ends; this vCPU does nothing more until that. */
static uint64_t sys_exit(Call *call)
{
    uint64_t reason = call->args[0], code = call->args[1];
    enter_host(call);
    machine_request_shutdown(call->vcpu->machine, reason == APPLICATION_EXIT ? code & 0xff : 1);
    leave_host(call);
    while (!kicked(call->vcpu)) {
        g_usleep(1000);
    }
    vcpu_unwind(call->vcpu, VCPU_EXIT_KICK);
}

static uint64_t sys_elapsed(Call *call)
{
    uint64_t ticks = virtual_now(call);
    return write_guest(call, call->param, &ticks, sizeof(ticks)) ? 0 : fail(call, EFAULT);
}

static uint64_t sys_tickfreq(Call *call)
{
    return NS_PER_SECOND;
}

static const struct {
    uint64_t (*fn)(Call *call);
    unsigned words; /* that its parameter points to */
} operations[] = {
    [0x01] = {sys_open, 3},        [0x02] = {sys_close, 1},    [0x03] = {sys_writec, 0},
    [0x04] = {sys_write0, 0},      [0x05] = {sys_write, 3},    [0x06] = {sys_read, 3},
    [0x07] = {sys_readc, 0},       [0x08] = {sys_iserror, 1},  [0x09] = {sys_istty, 1},
    [0x0a] = {sys_seek, 2},        [0x0c] = {sys_flen, 1},     [0x0d] = {sys_tmpnam, 3},
    [0x0e] = {sys_remove, 2},      [0x0f] = {sys_rename, 4},   [0x10] = {sys_clock, 0},
    [0x11] = {sys_time, 0},        [0x12] = {sys_system, 2},   [0x13] = {sys_errno, 0},
    [0x15] = {sys_get_cmdline, 2}, [0x16] = {sys_heapinfo, 1}, [0x18] = {sys_exit, 2},
    [0x20] = {sys_exit, 2},        [0x30] = {sys_elapsed, 0},  [0x31] = {sys_tickfreq, 0},
};

bool vcpu_semihosting_allowed(const Vcpu *vcpu, bool user)
{
    const Semihosting *s = vcpu->machine->semihosting;
    return s && (!user || s->userspace);
}

uint64_t vcpu_semihosting(Vcpu *vcpu, uint64_t operation, uint64_t param)
{
    Call call = {.s = vcpu->machine->semihosting, .vcpu = vcpu, .param = param};
    if (operation >= ARRAY_SIZE(operations) || !operations[operation].fn) {
        log_guest_error("semihosting: unknown operation 0x%" G_GINT64_MODIFIER "x\n", operation);
        return fail(&call, ENOSYS);
    }
    unsigned words = operations[operation].words;
    if (words && !read_guest(&call, param, call.args, words * sizeof(call.args[0]))) {
        return fail(&call, EFAULT);
    }
    return operations[operation].fn(&call);
}

/* ---- The machine's part ---- */

static void semihosting_reset(Device *dev)
{
    Semihosting *s = (Semihosting *)dev;
    semi_close_all(s);
    s->last_error = 0;
}

static void semihosting_finalize(Device *dev)
{
    Semihosting *s = (Semihosting *)dev;
    semi_close_all(s);
    if (s->console) {
        chardev_set_handlers(s->console, NULL, NULL);
    }
    if (s->directory >= 0) {
        close(s->directory);
    }
    g_free(s->directory_path);
    g_free(s->arguments);
    g_mutex_clear(&s->lock);
    g_cond_clear(&s->arrived);
    dev->machine->semihosting = NULL;
}

/* Files of the host are not part of a snapshot. */
static bool handle_post_load(void *opaque, GError **error)
{
    SemiHandle *handle = opaque;
    if (handle->kind >= SEMI_KINDS || handle->position > 64) {
        return error_set(error, "semihosting: a handle that is not possible");
    }
    handle->fd = -1;
    if (handle->kind == SEMI_FILE) {
        handle->kind = SEMI_CLOSED;
    }
    return true;
}

static const VmField handle_fields[] = {
    VM_FIELD_U8(SemiHandle, kind),
    VM_FIELD_U32(SemiHandle, position),
    VM_FIELD_END(),
};
static const VmDesc handle_vmstate = {"semihosting-handle", handle_fields, NULL, handle_post_load};

static const VmField semihosting_fields[] = {
    VM_FIELD_U32(Semihosting, last_error),
    VM_ARRAY_STRUCT(Semihosting, handles, &handle_vmstate),
    VM_FIELD_END(),
};
static const VmDesc semihosting_vmstate = {"semihosting", semihosting_fields, NULL, NULL};

static const DeviceOps semihosting_ops = {
    .name = "semihosting",
    .reset = semihosting_reset,
    .vmstate = &semihosting_vmstate,
    .finalize = semihosting_finalize,
};

static bool open_directory(Semihosting *s, const char *path, GError **error)
{
    s->directory = -1;
    if (!path) {
        return true;
    }
    s->directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (s->directory < 0) {
        return error_set_errno(error, errno, "-semihosting-config: cannot use directory '%s'",
                               path);
    }
    s->directory_path = g_canonicalize_filename(path, NULL);
    return true;
}

bool semihosting_new(Machine *machine, const SemihostingConfig *config, GError **error)
{
    if (config->console && config->console->handlers) {
        return error_set(error,
                         "-semihosting-config: character device '%s' is in use; make it a shared "
                         "one with mux=on",
                         config->console->id);
    }
    machine_lock(machine);
    Semihosting *s = device_new(machine, &semihosting_ops, sizeof(*s), "semihosting");
    g_mutex_init(&s->lock);
    g_cond_init(&s->arrived);
    s->userspace = config->userspace;
    s->arguments = g_strdup(config->arguments ? config->arguments : "");
    machine->semihosting = s;
    bool ok = open_directory(s, config->directory, error);
    if (ok && config->console) {
        s->console = config->console;
        chardev_set_handlers(s->console, &console_handlers, s);
    }
    machine_unlock(machine);
    return ok;
}
