/*
 * The monitor's `info mem`: what the page tables in use map, in QEMU's columns. Privileged Architecture 10.3-10.6.
 *
 * Tables are the guest's and may lead in circles, so the number of entries looked at is bounded.
 */
#include "cpu/riscv/priv.h"
#include <inttypes.h>

#define PTE_V (1u << 0)
#define PTE_R (1u << 1)
#define PTE_W (1u << 2)
#define PTE_X (1u << 3)
#define PTE_FLAGS 0xff
#define PTE_PPN_SHIFT 10
#define PTE_PPN_BITS 44

#define PAGE_SHIFT 12
#define LEVEL_BITS 9
#define TABLE_ENTRIES (1u << LEVEL_BITS)
#define MAX_ENTRIES (4u << 20)
#define MAX_LINES 20000

/* Pages that follow each other on both sides, with the same rights. */
typedef struct Range {
    uint64_t vaddr, paddr, size;
    uint8_t flags;
} Range;

typedef struct MemPrinter {
    Vcpu *vcpu;
    GString *out;
    unsigned va_bits;
    unsigned entries, lines; /* that may still come */
    Range range;
} MemPrinter;

static void print_range(MemPrinter *p)
{
    static const char letters[] = "-rwxugad"; /* in the order of their bits, from V up */
    const Range *r = &p->range;
    char attributes[8] = "-------";

    if (!r->size || !p->lines) {
        return;
    }
    for (unsigned bit = 1; bit < 8; bit++) {
        if (r->flags & (1u << bit)) {
            attributes[bit - 1] = letters[bit];
        }
    }
    g_string_append_printf(p->out, "%016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %s\n", r->vaddr,
                           r->paddr, r->size, attributes);
    if (--p->lines == 0) {
        g_string_append(p->out, "... there is more\n");
    }
}

static void add_leaf(MemPrinter *p, uint64_t vaddr, uint64_t pte, unsigned level)
{
    Range *r = &p->range;
    uint64_t size = UINT64_C(1) << (PAGE_SHIFT + LEVEL_BITS * level);
    uint64_t paddr = bits_get(pte, PTE_PPN_SHIFT, PTE_PPN_BITS) << PAGE_SHIFT & ~(size - 1);
    uint8_t flags = pte & PTE_FLAGS;

    vaddr = bits_sext(vaddr, p->va_bits);
    if (r->size && r->flags == flags && r->vaddr + r->size == vaddr &&
        r->paddr + r->size == paddr) {
        r->size += size;
        return;
    }
    print_range(p);
    *r = (Range){vaddr, paddr, size, flags};
}

/* Entries of the table at @table, which maps from @vaddr on. */
static void walk_table(MemPrinter *p, uint64_t table, uint64_t vaddr, unsigned level)
{
    for (unsigned i = 0; i < TABLE_ENTRIES && p->entries && p->lines; i++) {
        uint64_t at = vaddr | (uint64_t)i << (PAGE_SHIFT + LEVEL_BITS * level), pte;

        p->entries--;
        if (!vcpu_phys_load64(p->vcpu, table + i * 8, &pte) || !(pte & PTE_V)) {
            continue;
        }
        if (pte & (PTE_R | PTE_X)) {
            add_leaf(p, at, pte, level);
        } else if (level && !(pte & PTE_W)) {
            walk_table(p, bits_get(pte, PTE_PPN_SHIFT, PTE_PPN_BITS) << PAGE_SHIFT, at, level - 1);
        }
    }
}

void riscv_print_mem(Vcpu *vcpu, GString *out)
{
    const RiscvState *s = riscv_state(vcpu);
    unsigned mode = s->satp >> SATP_MODE_SHIFT;
    unsigned levels = mode - SATP_SV39 + 3;
    MemPrinter p = {.vcpu = vcpu, .out = out, .entries = MAX_ENTRIES, .lines = MAX_LINES};

    if (!mode) {
        g_string_append(out, "No translation or protection\n");
        return;
    }
    p.va_bits = PAGE_SHIFT + LEVEL_BITS * levels;
    g_string_append(out, "vaddr            paddr            size             attr\n"
                         "---------------- ---------------- ---------------- -------\n");
    walk_table(&p, bits_get(s->satp, 0, SATP_PPN_BITS) << PAGE_SHIFT, 0, levels - 1);
    print_range(&p);
    if (!p.entries) {
        g_string_append(out, "... the tables are too large, or lead in circles\n");
    }
}
