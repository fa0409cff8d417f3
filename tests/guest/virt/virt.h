/*
 * Frame of the bare-metal C programs for machine virt: console, end, PCI functions. One hart runs it, in machine
 * mode without paging; others wait. Included once. A program has main(), which returns the exit
 * status.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UART 0x10000000ul
#define FINISHER 0x100000ul
#define ECAM 0x30000000ul
#define PCI_MEMORY 0x40000000ul

int main(void);

__asm__(".section .text.start, \"ax\"\n"
        ".globl _start\n"
        "_start:\n"
        "    csrr t0, mhartid\n"
        "1:  bnez t0, 1b\n"
        "    la sp, stack_top\n"
        "    la t0, on_trap\n"
        "    csrw mtvec, t0\n"
        "    call main\n"
        "    call finish\n"
        "    .balign 4\n"
        "on_trap:\n"
        "    li a0, 99\n"
        "    call finish\n"
        ".bss\n"
        ".balign 16\n"
        ".space 16384\n"
        "stack_top:\n"
        ".text\n");

static volatile uint8_t *at8(uint64_t addr)
{
    return (volatile uint8_t *)addr;
}

static volatile uint16_t *at16(uint64_t addr)
{
    return (volatile uint16_t *)addr;
}

static volatile uint32_t *at32(uint64_t addr)
{
    return (volatile uint32_t *)addr;
}

static volatile uint64_t *at64(uint64_t addr)
{
    return (volatile uint64_t *)addr;
}

static void fence(void)
{
    __asm__ volatile("fence iorw, iorw" ::: "memory");
}

static void put(const char *text)
{
    while (*text) {
        *at8(UART) = *text++;
    }
}

static void put_hex(uint64_t value)
{
    for (int shift = 60; shift >= 0; shift -= 4) {
        *at8(UART) = "0123456789abcdef"[value >> shift & 15];
    }
}

/* Ends the machine with exit status @status. */
__attribute__((noreturn, used)) void finish(int status)
{
    *at32(FINISHER) = status ? (uint32_t)status << 16 | 0x3333 : 0x5555;
    for (;;) {
    }
}

void *memset(void *to, int byte, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ((volatile uint8_t *)to)[i] = byte;
    }
    return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    }
    return to;
}

/* ---- Checks ---- */

static int failures;

static void check(const char *what, uint64_t value, uint64_t expected)
{
    if (value != expected) {
        failures++;
        put("not ok: ");
        put(what);
        put(": 0x");
        put_hex(value);
        put(", not 0x");
        put_hex(expected);
        put("\n");
    }
}

/* ---- PCI ---- */

typedef struct Function {
    unsigned slot;
    uint64_t config;
    uint64_t bars[6];
} Function;

/* Finds the function with @id (device << 16 | vendor), maps its BARs and switches it on. */
static bool pci_open(Function *fn, uint32_t id)
{
    static uint64_t next = PCI_MEMORY;

    for (unsigned slot = 0; slot < 32; slot++) {
        uint64_t config = ECAM + ((uint64_t)slot << 15);

        if (*at32(config) != id) {
            continue;
        }
        fn->slot = slot;
        fn->config = config;
        for (unsigned bar = 0; bar < 6; bar++) {
            uint64_t reg = config + 0x10 + 4 * bar;
            uint32_t low, size;

            *at32(reg) = UINT32_MAX;
            low = *at32(reg);
            size = ~(low & ~15u) + 1;
            if (!low || (low & 1)) {
                continue;
            }
            next = (next + size - 1) & -(uint64_t)size;
            *at32(reg) = next;
            fn->bars[bar] = next;
            next += size;
            if ((low & 6) == 4) {
                *at32(reg + 4) = 0;
                bar++;
            }
        }
        *at16(config + 4) = 6; /* memory, bus master */
        return true;
    }
    return false;
}

/* The n-th capability @id of @fn; 0 if there is none. */
static uint64_t pci_cap(const Function *fn, uint8_t id, unsigned n)
{
    for (unsigned at = *at8(fn->config + 0x34); at; at = *at8(fn->config + at + 1)) {
        if (*at8(fn->config + at) == id && n-- == 0) {
            return fn->config + at;
        }
    }
    return 0;
}

/* ---- virtio over PCI ---- */

typedef struct Queue {
    uint64_t common, notify;
    uint64_t offset; /* of what the device is told from where it is */
    uint64_t desc, avail, used;
    uint16_t head;
} Queue;

#define QUEUE_SIZE 8

static uint64_t virtio_block(const Function *fn, uint8_t type)
{
    for (unsigned n = 0;; n++) {
        uint64_t cap = pci_cap(fn, 9, n);

        if (!cap) {
            return 0;
        }
        if (*at8(cap + 3) == type) {
            return fn->bars[*at8(cap + 4)] + *at32(cap + 8);
        }
    }
}

/* Starts the device with queue 0 in the page @page, which it is told as @page + @offset. */
static bool virtio_start(const Function *fn, Queue *q, uint64_t page, uint64_t offset)
{
    uint64_t common = virtio_block(fn, 1), addrs[3] = {page, page + 1024, page + 2048};

    *q = (Queue){.common = common,
                 .notify = virtio_block(fn, 2),
                 .offset = offset,
                 .desc = page,
                 .avail = page + 1024,
                 .used = page + 2048};
    memset((void *)page, 0, 4096);
    *at8(common + 20) = 0;
    *at8(common + 20) = 3;
    *at32(common + 8) = 1;
    *at32(common + 12) = 3; /* VERSION_1, ACCESS_PLATFORM */
    *at8(common + 20) = 11;
    if (!(*at8(common + 20) & 8)) {
        return false;
    }
    *at16(common + 22) = 0;
    *at16(common + 24) = QUEUE_SIZE;
    *at16(common + 26) = 0; /* vector */
    for (unsigned i = 0; i < 3; i++) {
        *at32(common + 32 + 8 * i) = addrs[i] + offset;
        *at32(common + 36 + 8 * i) = (addrs[i] + offset) >> 32;
    }
    *at16(common + 28) = 1;
    *at8(common + 20) = 15;
    return true;
}

typedef struct Buffer {
    uint64_t addr; /* as the device sees it */
    uint32_t len;
    bool write;
} Buffer;

/* One request of @n buffers; false if it does not come back. */
static bool virtio_request(Queue *q, const Buffer *buffers, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        *at64(q->desc + 16 * i) = buffers[i].addr;
        *at32(q->desc + 16 * i + 8) = buffers[i].len;
        *at16(q->desc + 16 * i + 12) = (i + 1 < n) | buffers[i].write << 1;
        *at16(q->desc + 16 * i + 14) = i + 1;
    }
    *at16(q->avail + 4 + 2 * (q->head % QUEUE_SIZE)) = 0;
    fence();
    *at16(q->avail + 2) = ++q->head;
    fence();
    *at16(q->notify) = 0;
    for (unsigned i = 0; i < 10000000; i++) {
        fence();
        if (*at16(q->used + 2) == q->head) {
            return true;
        }
        if (*at8(q->common + 20) & 0x40) { /* needs a reset */
            return false;
        }
    }
    return false;
}
