/*
 * Page-table walks: Intel SDM volume 3, chapter 4. Paging structures are read through the memory map.
 */
#include "cpu/x86/priv.h"

#define ENTRY_P 1u
#define ENTRY_PS (1u << 7)
#define ADDR_MASK UINT64_C(0x000ffffffffff000)

/* What paging is like at the moment: levels of tables, bits of index in each, bytes of an entry. */
typedef struct Paging {
    unsigned levels, bits, entry_size;
} Paging;

static Paging paging_of(const X86State *s)
{
    if (!(s->cr4 & X86_CR4_PAE)) {
        return (Paging){2, 10, 4};
    }
    if (!(s->efer & X86_EFER_LMA)) {
        return (Paging){3, 9, 8};
    }
    return (Paging){s->cr4 & X86_CR4_LA57 ? 5 : 4, 9, 8};
}

static bool read_entry(Vcpu *vcpu, uint64_t gpa, unsigned size, uint64_t *entry)
{
    if (!vcpu_phys_load64(vcpu, gpa & ~UINT64_C(7), entry)) {
        return false;
    }
    if (size == 4) {
        *entry = (uint32_t)(gpa & 4 ? *entry >> 32 : *entry);
    }
    return true;
}

/* Physical base of the page that @entry of @shift maps; PSE pages of 4 MiB have more bits in 20:13. */
static uint64_t page_base(uint64_t entry, Paging paging, unsigned shift)
{
    uint64_t base = entry & ADDR_MASK & ~((UINT64_C(1) << shift) - 1);
    if (paging.entry_size == 4 && shift == 22) {
        base |= (entry >> 13 & 0xff) << 32;
    }
    return base;
}

bool x86_debug_translate(Vcpu *vcpu, uint64_t addr, uint64_t *gpa)
{
    const X86State *s = x86_state(vcpu);

    if (!(s->cr0 & X86_CR0_PG)) {
        *gpa = addr & 0xffffffff;
        return true;
    }
    Paging paging = paging_of(s);
    bool pae32 = paging.levels == 3;
    uint64_t table = s->cr3 & (pae32 ? 0xffffffe0u : ADDR_MASK);
    if (paging.levels < 4) {
        addr &= 0xffffffff;
    }
    for (unsigned level = paging.levels; level-- > 0;) {
        unsigned shift = 12 + level * paging.bits;
        uint64_t index = addr >> shift & ((1u << paging.bits) - 1), entry;
        if (pae32 && level == 2) {
            index &= 3;
        }
        if (!read_entry(vcpu, table + index * paging.entry_size, paging.entry_size, &entry) ||
            !(entry & ENTRY_P)) {
            return false;
        }
        bool large = level && level < 3 && !(pae32 && level == 2) && (entry & ENTRY_PS) &&
                     (paging.entry_size == 8 || (s->cr4 & X86_CR4_PSE));
        if (level == 0 || large) {
            *gpa = page_base(entry, paging, shift) | (addr & ((UINT64_C(1) << shift) - 1));
            return true;
        }
        table = entry & ADDR_MASK;
    }
    return false;
}
