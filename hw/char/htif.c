/*
 * Host-target interface (HTIF) of the Spike simulator, as programs for it use it: a guest writes a
 * command to `tohost`, the answer appears in `fromhost`. There is no specification; this is what
 * riscv-isa-sim's fesvr does. A command is device (8 bits) : command (8 bits) : payload (48 bits).
 *
 *   device 0, command 0: payload with bit 0 set: exit with status payload >> 1; otherwise the address of
 *            eight 64-bit words, a Linux-numbered system call and its arguments (exit, and write to
 *            standard output and error, are served); the result replaces the number
 *   device 1, command 0: read a character; answered when one arrives
 *   device 1, command 1: write the character in the payload's low byte
 *
 * A program may write a command as two 32-bit halves, or only the low half: the high half completes it, and
 * a low half alone is executed after a moment. Locking: the machine lock.
 */
#include "hw/char/htif.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/log.h"
#include <inttypes.h>

#define DEVICE_SYSTEM 0
#define DEVICE_CONSOLE 1
#define CONSOLE_READ 0
#define CONSOLE_WRITE 1
#define ANSWER_VALID 0x100 /* with a character read */

/* System calls, by their Linux numbers. */
#define SYSCALL_WRITE 64
#define SYSCALL_EXIT 93
#define SYSCALL_ENOSYS (-38)
#define SYSCALL_EFAULT (-14)
#define SYSCALL_EBADF (-9)

#define HALF_DELAY_NS (NS_PER_SECOND / 1000)
#define INPUT_SIZE 16

typedef struct Htif {
    Device dev;
    Chardev *chr;
    MemoryRegion *tohost_region, *fromhost_region;
    Timer half_timer;
    uint64_t tohost, fromhost;
    uint64_t half_ns;  /* saved deadline of half_timer */
    bool read_pending; /* the guest waits for a character */
    uint8_t input[INPUT_SIZE];
    uint8_t input_count;
} Htif;

static void answer(Htif *s, unsigned device, unsigned command, uint64_t payload)
{
    s->fromhost = (uint64_t)device << 56 | (uint64_t)command << 48 | bits_get(payload, 0, 48);
}

/* Answers a waiting read if there is input, and the last answer was taken. */
static void deliver_input(Htif *s)
{
    if (!s->read_pending || !s->input_count || s->fromhost) {
        return;
    }
    s->read_pending = false;
    answer(s, DEVICE_CONSOLE, CONSOLE_READ, ANSWER_VALID | s->input[0]);
    s->input_count--;
    for (unsigned i = 0; i < s->input_count; i++) {
        s->input[i] = s->input[i + 1];
    }
    if (s->chr) {
        chardev_accept_input(s->chr);
    }
}

/* write(fd, buf, len) of guest memory to the console. */
static int64_t syscall_write(Htif *s, uint64_t fd, uint64_t addr, uint64_t len)
{
    if (fd != 1 && fd != 2) {
        return SYSCALL_EBADF;
    }
    /* A bound for what one register write may take; the guest sees a short write. */
    len = MIN(len, 64 * KIB);
    for (uint64_t done = 0; done < len;) {
        uint8_t chunk[4096];
        uint64_t step = MIN(sizeof(chunk), len - done);
        if (dma_read(&s->dev.machine->dma, addr + done, chunk, step) != MEM_OK) {
            return done ? (int64_t)done : SYSCALL_EFAULT;
        }
        chardev_write(s->chr, chunk, step);
        done += step;
    }
    return len;
}

static void system_call(Htif *s, uint64_t addr)
{
    uint64_t words[8];
    AddressSpace *dma = &s->dev.machine->dma;
    if (dma_read(dma, addr, words, sizeof(words)) != MEM_OK) {
        log_guest_error("htif: system call block at 0x%" PRIx64 " is not in RAM\n", addr);
    } else if (words[0] == SYSCALL_EXIT) {
        machine_request_shutdown(s->dev.machine, words[1] & 0xff);
        return;
    } else {
        int64_t result = SYSCALL_ENOSYS;
        if (words[0] == SYSCALL_WRITE) {
            result = syscall_write(s, words[1], words[2], words[3]);
        } else {
            log_guest_error("htif: system call %" PRIu64 " is not served\n", words[0]);
        }
        dma_write_le(dma, addr, result, 8);
    }
    answer(s, DEVICE_SYSTEM, 0, 1);
}

static void execute(Htif *s)
{
    unsigned device = s->tohost >> 56, command = bits_get(s->tohost, 48, 8);
    uint64_t payload = bits_get(s->tohost, 0, 48);
    timer_cancel(&s->half_timer);
    if (!s->tohost) {
        return;
    }
    s->tohost = 0;
    if (device == DEVICE_SYSTEM && command == 0 && (payload & 1)) {
        machine_request_shutdown(s->dev.machine, (payload >> 1) & 0xff);
    } else if (device == DEVICE_SYSTEM && command == 0) {
        system_call(s, payload);
    } else if (device == DEVICE_CONSOLE && command == CONSOLE_READ) {
        s->read_pending = true;
        deliver_input(s);
    } else if (device == DEVICE_CONSOLE && command == CONSOLE_WRITE) {
        uint8_t byte = payload;
        chardev_write(s->chr, &byte, 1);
        answer(s, device, command, ANSWER_VALID | byte);
    } else {
        log_guest_error("htif: unknown device %u command %u\n", device, command);
    }
}

static void half_fired(void *opaque)
{
    execute(opaque);
}

static uint64_t merge(uint64_t old, uint64_t offset, uint64_t value, unsigned size)
{
    return size == 8 ? value : bits_set(old, offset & 4 ? 32 : 0, 32, (uint32_t)value);
}

static uint64_t tohost_read(void *opaque, uint64_t offset, unsigned size)
{
    Htif *s = opaque;
    return s->tohost >> (offset & 4 ? 32 : 0);
}

static void tohost_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Htif *s = opaque;
    s->tohost = merge(s->tohost, offset, value, size);
    if (size == 8 || (offset & 4)) {
        execute(s);
    } else {
        timer_arm(&s->half_timer, clock_now(s->dev.machine->clock) + HALF_DELAY_NS);
    }
}

static uint64_t fromhost_read(void *opaque, uint64_t offset, unsigned size)
{
    Htif *s = opaque;
    return s->fromhost >> (offset & 4 ? 32 : 0);
}

static void fromhost_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Htif *s = opaque;
    s->fromhost = merge(s->fromhost, offset, value, size);
    deliver_input(s);
}

static const MmioOps tohost_ops = {tohost_read, tohost_write, 4, 8, false};
static const MmioOps fromhost_ops = {fromhost_read, fromhost_write, 4, 8, false};

static size_t can_receive(void *opaque)
{
    Htif *s = opaque;
    return INPUT_SIZE - s->input_count;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    Htif *s = opaque;
    for (size_t i = 0; i < len && s->input_count < INPUT_SIZE; i++) {
        s->input[s->input_count++] = buf[i];
    }
    deliver_input(s);
}

/* The chardev goes away. */
static void released(void *opaque)
{
    Htif *s = opaque;
    s->chr = NULL;
}

static const CharHandlers htif_handlers = {
    .can_receive = can_receive,
    .receive = receive,
    .released = released,
};

static void htif_reset(Device *dev)
{
    Htif *s = (Htif *)dev;
    s->tohost = s->fromhost = 0;
    s->read_pending = false;
    s->input_count = 0;
    timer_cancel(&s->half_timer);
}

static void htif_pre_save(void *opaque)
{
    Htif *s = opaque;
    s->half_ns = s->half_timer.deadline;
}

static bool htif_post_load(void *opaque, GError **error)
{
    Htif *s = opaque;
    s->input_count = MIN(s->input_count, INPUT_SIZE);
    if (s->half_ns < TIMER_NEVER) {
        timer_arm(&s->half_timer, s->half_ns);
    } else {
        timer_cancel(&s->half_timer);
    }
    return true;
}

static void htif_loaded(Device *dev)
{
    Htif *s = (Htif *)dev;
    if (s->chr) {
        chardev_accept_input(s->chr);
    }
}

static const VmField htif_fields[] = {
    VM_FIELD_U64(Htif, tohost),
    VM_FIELD_U64(Htif, fromhost),
    VM_FIELD_U64(Htif, half_ns),
    VM_FIELD_BOOL(Htif, read_pending),
    VM_ARRAY_U8(Htif, input),
    VM_FIELD_U8(Htif, input_count),
    VM_FIELD_END(),
};

static const VmDesc htif_vmstate = {"htif", htif_fields, htif_pre_save, htif_post_load};

static void htif_finalize(Device *dev)
{
    Htif *s = (Htif *)dev;
    timer_cancel(&s->half_timer);
    if (s->chr) {
        chardev_set_handlers(s->chr, NULL, NULL);
    }
}

static const DeviceOps htif_ops = {
    .name = "riscv.htif",
    .reset = htif_reset,
    .vmstate = &htif_vmstate,
    .loaded = htif_loaded,
    .finalize = htif_finalize,
};

Device *htif_new(Machine *machine, uint64_t tohost, uint64_t fromhost, Chardev *chr)
{
    Htif *s = device_new(machine, &htif_ops, sizeof(*s), NULL);
    s->chr = chr;
    timer_init(&s->half_timer, machine->clock, half_fired, s);
    if (chr) {
        chardev_set_handlers(chr, &htif_handlers, s);
    }
    s->tohost_region =
        memory_map_add_mmio(machine->memory, "htif-tohost", tohost, 8, 1, &tohost_ops, s, &s->dev);
    s->fromhost_region = memory_map_add_mmio(machine->memory, "htif-fromhost", fromhost, 8, 1,
                                             &fromhost_ops, s, &s->dev);
    return &s->dev;
}
