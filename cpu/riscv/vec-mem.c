/*
 * Vector loads and stores (V 1.0, chapter 7): unit-stride, strided, indexed, segments, whole registers,
 * masks, fault-only-first. What is contiguous in a page of RAM is copied; the rest goes element by
 * element in order, and before each one vstart is set to it, so that an access that faults leaves what
 * the instruction needs to go on. trans-vec.c does the common ones of all elements inline.
 */
#include "cpu/riscv/helpers.h"
#include "cpu/riscv/priv.h"
#include "cpu/riscv/vector.h"
#include <string.h>

enum { MOP_UNIT = 0, MOP_STRIDED = 2, LUMOP_WHOLE = 8, LUMOP_MASK = 11, LUMOP_FIRST = 16 };

/* An access being executed. */
typedef struct VecMem {
    Vcpu *vcpu;
    RiscvState *s;
    bool store, masked, first;
    unsigned log2; /* of an element's bytes */
    unsigned index_log2;
    unsigned fields;      /* registers groups of a segment */
    unsigned group_bytes; /* from one field's group to the next one's */
    unsigned evl;
    uint8_t *data;
    const uint8_t *index; /* NULL: strided */
    uint64_t base, stride;
} VecMem;

/* Widths 0, 5, 6, 7 of the instruction word. */
static unsigned width_log2(uint64_t insn)
{
    return (unsigned)bits_get(insn, 12, 3) & 3;
}

static void decode(Vcpu *vcpu, VecMem *m, uint64_t insn, uint64_t base, uint64_t stride)
{
    RiscvState *s = riscv_state(vcpu);
    unsigned mop = (unsigned)bits_get(insn, 26, 2), lumop = (unsigned)bits_get(insn, 20, 5);
    unsigned sew = (unsigned)bits_get(s->vtype, 3, 3), width = width_log2(insn);
    bool indexed = mop & 1;
    *m = (VecMem){
        .vcpu = vcpu,
        .s = s,
        .store = (insn >> 5) & 1,
        .masked = !((insn >> 25) & 1),
        .log2 = indexed ? sew : width,
        .index_log2 = width,
        .fields = (unsigned)bits_get(insn, 29, 3) + 1,
        .evl = (unsigned)s->vl,
        .data = vec_reg(s, (unsigned)bits_get(insn, 7, 5)),
        .index = indexed ? vec_reg(s, lumop) : NULL,
        .base = base,
        .stride = stride,
    };
    int emul = vec_lmul(s->vtype) + (int)m->log2 - (int)sew;
    m->group_bytes = s->vlenb << MAX(emul, 0);
    if (mop != MOP_UNIT) {
        return;
    }
    m->first = lumop == LUMOP_FIRST;
    if (lumop == LUMOP_MASK) {
        m->evl = (m->evl + 7) / 8;
    } else if (lumop == LUMOP_WHOLE) {
        m->evl = m->fields * s->vlenb >> m->log2;
        m->fields = 1;
    }
    m->stride = (uint64_t)m->fields << m->log2;
}

static uint64_t element_address(const VecMem *m, unsigned i)
{
    return m->base + (m->index ? vec_get(m->index, i, m->index_log2) : i * m->stride);
}

static void access_element(VecMem *m, unsigned i, uint64_t address)
{
    unsigned size = 1u << m->log2;
    for (unsigned k = 0; k < m->fields; k++) {
        uint8_t *group = m->data + k * m->group_bytes;
        uint64_t at = address + (uint64_t)k * size;
        if (m->store) {
            vcpu_store(m->vcpu, at, vec_get(group, i, m->log2), size);
        } else {
            vec_put(group, i, m->log2, vcpu_load(m->vcpu, at, size));
        }
    }
}

/* One field of active elements @i to @i + @n - 1, each of @size bytes; @host: of the first. */
static inline __attribute__((always_inline)) void copy_field(const VecMem *m, uint8_t *host,
                                                             unsigned k, unsigned i, unsigned n,
                                                             unsigned size)
{
    uint8_t *group = m->data + k * m->group_bytes;
    if (!m->masked && m->fields == 1) {
        uint8_t *first = group + (size_t)i * size;
        memcpy(m->store ? host : first, m->store ? first : host, (size_t)n * size);
        return;
    }
    for (unsigned end = i + n; i < end; i++, host += m->stride) {
        if (m->masked && !vec_bit(m->s->v, i)) {
            continue;
        }
        if (m->store) {
            memcpy(host, group + (size_t)i * size, size);
        } else {
            memcpy(group + (size_t)i * size, host, size);
        }
    }
}

/* Elements from @i, at @address, on that are side by side in one page of RAM. Returns how many were
 * accessed: 0 if it has to be done one by one. */
static unsigned access_run(const VecMem *m, unsigned i, uint64_t address)
{
    unsigned segment = m->fields << m->log2;
    unsigned n = MIN(m->evl - i, (4096 - (unsigned)(address & 4095)) / segment);
    if (m->index || m->stride != segment || n == 0) {
        return 0;
    }
    uint8_t *host = vcpu_direct(m->vcpu, address, n * segment, m->store);
    if (!host) {
        return 0;
    }
    for (unsigned k = 0; k < m->fields; k++, host += 1u << m->log2) {
        switch (m->log2) {
        case 0: copy_field(m, host, k, i, n, 1); break;
        case 1: copy_field(m, host, k, i, n, 2); break;
        case 2: copy_field(m, host, k, i, n, 4); break;
        default: copy_field(m, host, k, i, n, 8); break;
        }
    }
    return n;
}

/* Whether all of an element can be read, for fault-only-first. */
static bool readable(VecMem *m, uint64_t address)
{
    uint64_t last = address + ((uint64_t)m->fields << m->log2) - 1;
    MmuMapping mapping;
    return riscv_walk(m->vcpu, address, 1, MMU_READ, &mapping) == MMU_OK &&
           ((address ^ last) < 4096 || riscv_walk(m->vcpu, last, 1, MMU_READ, &mapping) == MMU_OK);
}

void riscv_helper_vmem(Vcpu *vcpu, uint64_t insn, uint64_t base, uint64_t stride)
{
    RiscvState *s = riscv_state(vcpu);
    uint64_t checked = ~UINT64_C(0); /* page that is known to be readable */
    VecMem m;

    decode(vcpu, &m, insn, base, stride);
    for (unsigned i = (unsigned)s->vstart, n; i < m.evl; i += n) {
        n = 1;
        if (m.masked && !vec_bit(s->v, i)) {
            continue;
        }
        uint64_t address = element_address(&m, i);
        unsigned run = access_run(&m, i, address);
        if (run) {
            n = run;
            continue;
        }
        uint64_t page = (address + ((uint64_t)m.fields << m.log2) - 1) >> 12;
        s->vstart = i;
        if (m.first && i > 0 && page != checked) {
            if (!readable(&m, address)) {
                s->vl = i;
                break;
            }
            checked = page;
        }
        access_element(&m, i, address);
    }
    s->vstart = 0;
}
