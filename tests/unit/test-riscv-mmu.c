/*
 * RISC-V address translation, physical memory protection, and the helpers that access memory: page tables
 * are built in RAM and walked.
 */
#include "tests/unit/riscv-hart.h"
#include "softmmu/tlb.h"

/* Where things are in RAM. */
#define ROOT (HART_RAM_BASE + 0x100000)
#define TABLES (HART_RAM_BASE + 0x101000) /* further tables, made as needed */
#define DATA (HART_RAM_BASE + 0x200000)

enum {
    V = 1,
    R = 2,
    W = 4,
    X = 8,
    U = 16,
    G = 32,
    A = 64,
    D = 128,
    RWX = V | R | W | X,
    AD = A | D,
    SV39 = 8,
    SV48 = 9,
    SV57 = 10,
};
#define NAPOT (UINT64_C(1) << 63)
#define PBMT_IO (UINT64_C(2) << 61)

static uint64_t pte(uint64_t addr, uint64_t flags)
{
    return addr >> 12 << 10 | flags;
}

typedef struct Space {
    Vcpu *vcpu;
    unsigned mode;
    uint64_t next_table;
} Space;

/* An S-mode hart with an empty address space. */
static Space space_new(const char *model, unsigned mode)
{
    Space sp = {hart_new(model), mode, TABLES};
    RiscvState *s = riscv_state(sp.vcpu);

    /* PMP: entry 0 allows everything. */
    hart_csr_write(sp.vcpu, CSR_PMPADDR0, ~UINT64_C(0));
    hart_csr_write(sp.vcpu, CSR_PMPCFG0, 0x1f);
    s->medeleg = 0xb3ff;
    hart_csr_write(sp.vcpu, CSR_SATP, (uint64_t)mode << 60 | ROOT >> 12);
    hart_set_priv(sp.vcpu, RISCV_PRIV_S);
    return sp;
}

static unsigned levels(const Space *sp)
{
    return sp->mode - SV39 + 3;
}

/* The address of the entry for @va at @level, with the tables above it. */
static uint64_t entry_at(Space *sp, uint64_t va, unsigned level)
{
    uint64_t table = ROOT;

    for (unsigned l = levels(sp) - 1;; l--) {
        uint64_t entry = table + (va >> (12 + 9 * l) & 511) * 8;
        if (l == level) {
            return entry;
        }
        uint64_t value = hart_peek(sp->vcpu, entry);
        if (!(value & V)) {
            value = pte(sp->next_table, V);
            hart_poke(sp->vcpu, entry, value);
            sp->next_table += 4096;
        }
        table = value >> 10 << 12;
    }
}

static uint64_t map(Space *sp, uint64_t va, uint64_t pa, unsigned level, uint64_t flags)
{
    uint64_t entry = entry_at(sp, va, level);

    hart_poke(sp->vcpu, entry, pte(pa, flags));
    riscv_tlb_fence(sp->vcpu, NULL, NULL);
    return entry;
}

static MmuFault walk(Space *sp, uint64_t va, MmuAccess access, MmuMapping *m)
{
    MmuMapping local;
    return riscv_walk(sp->vcpu, va, 8, access, m ? m : &local);
}

#define expect(sp, va, access, fault) g_assert_cmpint(walk(sp, va, access, NULL), ==, fault)

/* ---- Modes and sizes ---- */

static void test_modes(void)
{
    for (unsigned mode = SV39; mode <= SV57; mode++) {
        Space sp = space_new("rv64", mode);
        unsigned bits = 12 + 9 * levels(&sp);
        uint64_t top = ~UINT64_C(0) << (bits - 1); /* the lowest address of the upper half */
        MmuMapping m;

        map(&sp, 0x1000, DATA, 0, RWX | AD);
        g_assert_cmpint(walk(&sp, 0x1ff8, MMU_READ, &m), ==, MMU_OK);
        g_assert_cmphex(m.gpa, ==, DATA + 0xff8);
        g_assert_cmpuint(m.page_size, ==, 4096);
        g_assert_true(m.readable && m.writable && m.executable && m.cacheable && !m.global);
        map(&sp, top, DATA, 0, RWX | AD | G);
        g_assert_cmpint(walk(&sp, top, MMU_FETCH, &m), ==, MMU_OK);
        g_assert_true(m.global);
        expect(&sp, top - 8, MMU_READ, MMU_PAGE_FAULT); /* not canonical */
        expect(&sp, UINT64_C(1) << (bits - 1), MMU_READ, MMU_PAGE_FAULT);
        expect(&sp, 0x3000, MMU_READ, MMU_PAGE_FAULT);

        /* Large pages, and ones that are not aligned to their size. */
        for (unsigned level = 1; level < levels(&sp) && level < 3; level++) {
            uint64_t size = UINT64_C(1) << (12 + 9 * level);
            uint64_t va = size * 5, pa = level == 1 ? DATA : HART_RAM_BASE;
            map(&sp, va, pa, level, RWX | AD);
            g_assert_cmpint(walk(&sp, va + 0x12340, MMU_READ, &m), ==, MMU_OK);
            g_assert_cmphex(m.gpa, ==, pa + 0x12340);
            g_assert_cmpuint(m.page_size, ==, size);
            map(&sp, va, pa + 0x1000, level, RWX | AD);
            expect(&sp, va, MMU_READ, MMU_PAGE_FAULT);
        }
        hart_free(sp.vcpu);
    }
}

/* ---- info mem ---- */

static void test_print(void)
{
    Space sp = space_new("rv64", SV39);
    GString *out = g_string_new(NULL);

    map(&sp, 0x1000, DATA, 0, V | R | X | U | A);
    map(&sp, 0x2000, DATA + 0x1000, 0, V | R | X | U | A); /* goes on where the last one ended */
    map(&sp, 0x3000, DATA + 0x1000, 0, V | R | W | AD);
    map(&sp, 0xffffffc000000000, HART_RAM_BASE, 2, RWX | AD | G);
    riscv_print_mem(sp.vcpu, out);
    g_assert_cmpstr(out->str, ==,
                    "vaddr            paddr            size             attr\n"
                    "---------------- ---------------- ---------------- -------\n"
                    "0000000000001000 0000000080200000 0000000000002000 r-xu-a-\n"
                    "0000000000003000 0000000080201000 0000000000001000 rw---ad\n"
                    "ffffffc000000000 0000000080000000 0000000040000000 rwx-gad\n");
    /* A table whose entries all lead back to it ends. */
    for (unsigned i = 0; i < 512; i++) {
        hart_poke(sp.vcpu, ROOT + i * 8, pte(ROOT, V));
    }
    hart_csr_write(sp.vcpu, CSR_SATP, (uint64_t)SV57 << 60 | ROOT >> 12);
    g_string_truncate(out, 0);
    riscv_print_mem(sp.vcpu, out);
    g_assert_nonnull(strstr(out->str, "lead in circles\n"));
    hart_csr_write(sp.vcpu, CSR_SATP, 0);
    g_string_truncate(out, 0);
    riscv_print_mem(sp.vcpu, out);
    g_assert_cmpstr(out->str, ==, "No translation or protection\n");
    g_string_free(out, true);
    hart_free(sp.vcpu);
}

/* ---- Rights ---- */

static void test_rights(void)
{
    Space sp = space_new("rv64", SV39);
    RiscvState *s = riscv_state(sp.vcpu);

    for (unsigned bits = 0; bits < 16; bits++) {
        uint64_t flags = V | AD | bits << 1; /* R, W, X, U */
        bool r = flags & R, w = flags & W, x = flags & X, u = flags & U;
        bool valid = (r || x) && !(w && !r);
        map(&sp, 0x1000, DATA, 0, flags);
        for (unsigned state = 0; state < 8; state++) {
            bool user = state & 1, sum = state & 2, mxr = state & 4;
            s->mstatus = (sum ? MSTATUS_SUM : 0) | (mxr ? MSTATUS_MXR : 0);
            hart_set_priv(sp.vcpu, user ? RISCV_PRIV_U : RISCV_PRIV_S);
            bool data = valid && (user ? u : !u || sum);
            bool read = data && (r || (mxr && x));
            bool fetch = valid && x && user == u;
            g_assert_cmpint(walk(&sp, 0x1000, MMU_READ, NULL) == MMU_OK, ==, read);
            g_assert_cmpint(walk(&sp, 0x1000, MMU_WRITE, NULL) == MMU_OK, ==, data && w);
            g_assert_cmpint(walk(&sp, 0x1000, MMU_FETCH, NULL) == MMU_OK, ==, fetch);
        }
    }
    hart_free(sp.vcpu);
}

/* Bits that have to be zero, in leaves and in pointers to tables. */
static void test_reserved(void)
{
    Space sp = space_new("rv64", SV39);

    for (unsigned bit = 54; bit < 61; bit++) {
        map(&sp, 0x1000, DATA, 0, RWX | AD | UINT64_C(1) << bit);
        expect(&sp, 0x1000, MMU_READ, MMU_PAGE_FAULT);
    }
    map(&sp, 0x1000, DATA, 0, RWX | AD);
    expect(&sp, 0x1000, MMU_READ, MMU_OK);
    uint64_t pointer = entry_at(&sp, 0x1000, 1), value = hart_peek(sp.vcpu, pointer);
    static const uint64_t bits[] = {A, D, U, NAPOT, PBMT_IO};
    for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
        hart_poke(sp.vcpu, pointer, value | bits[i]);
        expect(&sp, 0x1000, MMU_READ, MMU_PAGE_FAULT);
    }
    hart_poke(sp.vcpu, pointer, value | G);
    MmuMapping m;
    g_assert_cmpint(walk(&sp, 0x1000, MMU_READ, &m), ==, MMU_OK);
    g_assert_true(m.global);                     /* all below a global pointer is */
    hart_poke(sp.vcpu, pointer, pte(0x1000, V)); /* a table where nothing is */
    expect(&sp, 0x1000, MMU_WRITE, MMU_ACCESS_FAULT);
    hart_free(sp.vcpu);
}

static void test_napot_pbmt(void)
{
    Space sp = space_new("rv64", SV39);
    MmuMapping m;

    map(&sp, 0x19000, DATA | 0x8000, 0, RWX | AD | NAPOT);
    g_assert_cmpint(walk(&sp, 0x19010, MMU_READ, &m), ==, MMU_OK);
    g_assert_cmphex(m.gpa, ==, DATA + 0x9010);
    g_assert_cmpuint(m.page_size, ==, 64 * KIB);
    map(&sp, 0x19000, DATA | 0x4000, 0, RWX | AD | NAPOT); /* a size that there is not */
    expect(&sp, 0x19000, MMU_READ, MMU_PAGE_FAULT);
    map(&sp, 0x200000, DATA | 0x8000, 1, RWX | AD | NAPOT);
    expect(&sp, 0x200000, MMU_READ, MMU_PAGE_FAULT);

    map(&sp, 0x1000, DATA, 0, RWX | AD | PBMT_IO);
    expect(&sp, 0x1000, MMU_READ, MMU_PAGE_FAULT);
    riscv_state(sp.vcpu)->menvcfg = MENVCFG_PBMTE;
    expect(&sp, 0x1000, MMU_READ, MMU_OK);
    map(&sp, 0x1000, DATA, 0, RWX | AD | UINT64_C(3) << 61);
    expect(&sp, 0x1000, MMU_READ, MMU_PAGE_FAULT);
    hart_free(sp.vcpu);

    sp = space_new("rv64,svnapot=off", SV39);
    map(&sp, 0x19000, DATA | 0x8000, 0, RWX | AD | NAPOT);
    expect(&sp, 0x19000, MMU_READ, MMU_PAGE_FAULT);
    hart_free(sp.vcpu);
}

/* ---- Accessed and dirty ---- */

static void test_accessed_dirty(void)
{
    Space sp = space_new("rv64", SV39);
    RiscvState *s = riscv_state(sp.vcpu);
    uint64_t entry = map(&sp, 0x1000, DATA, 0, RWX);
    MmuMapping m;

    expect(&sp, 0x1000, MMU_READ, MMU_PAGE_FAULT); /* Svade */
    hart_poke(sp.vcpu, entry, pte(DATA, RWX | A));
    g_assert_cmpint(walk(&sp, 0x1000, MMU_READ, &m), ==, MMU_OK);
    g_assert_false(m.writable);
    expect(&sp, 0x1000, MMU_WRITE, MMU_PAGE_FAULT);

    s->menvcfg |= MENVCFG_ADUE;
    hart_poke(sp.vcpu, entry, pte(DATA, RWX));
    g_assert_cmpint(walk(&sp, 0x1000, MMU_READ, &m), ==, MMU_OK);
    g_assert_false(m.writable);
    g_assert_cmphex(hart_peek(sp.vcpu, entry), ==, pte(DATA, RWX | A));
    g_assert_cmpint(walk(&sp, 0x1000, MMU_WRITE, &m), ==, MMU_OK);
    g_assert_true(m.writable);
    g_assert_cmphex(hart_peek(sp.vcpu, entry), ==, pte(DATA, RWX | AD));

    /* No update for an access that is not allowed. */
    hart_poke(sp.vcpu, entry, pte(DATA, V | R));
    expect(&sp, 0x1000, MMU_WRITE, MMU_PAGE_FAULT);
    g_assert_cmphex(hart_peek(sp.vcpu, entry), ==, pte(DATA, V | R));
    uint64_t gpa;
    g_assert_true(riscv_debug_translate(sp.vcpu, 0x1234, &gpa));
    g_assert_cmphex(gpa, ==, DATA + 0x234);
    g_assert_cmphex(hart_peek(sp.vcpu, entry), ==, pte(DATA, V | R));
    g_assert_false(riscv_debug_translate(sp.vcpu, 0x5000, &gpa));
    hart_free(sp.vcpu);

    sp = space_new("rv64,svade=off", SV39); /* then the hardware does it from reset on */
    map(&sp, 0x1000, DATA, 0, RWX);
    expect(&sp, 0x1000, MMU_WRITE, MMU_OK);
    hart_free(sp.vcpu);
}

/* ---- MPRV, bare mode, contexts ---- */

static void test_mprv(void)
{
    Space sp = space_new("rv64", SV39);
    RiscvState *s = riscv_state(sp.vcpu);
    MmuMapping m;

    map(&sp, 0x80000000, DATA, 2, RWX | AD); /* a gigabyte page that is not aligned: faults */
    hart_set_priv(sp.vcpu, RISCV_PRIV_M);
    s->mstatus = MSTATUS_MPRV | UINT64_C(1) << MSTATUS_MPP_SHIFT;
    expect(&sp, 0x80000000, MMU_READ, MMU_PAGE_FAULT);
    g_assert_cmpint(walk(&sp, 0x80000000, MMU_FETCH, &m), ==, MMU_OK); /* code is not translated */
    g_assert_cmphex(m.gpa, ==, 0x80000000);
    g_assert_true(m.executable && !m.readable && !m.writable);
    map(&sp, 0x1000, DATA, 0, RWX | AD);
    g_assert_cmpint(walk(&sp, 0x1000, MMU_READ, &m), ==, MMU_OK);
    g_assert_true(m.readable && m.writable && !m.executable);
    s->mstatus = MSTATUS_MPRV | MSTATUS_MPP;
    g_assert_cmpint(walk(&sp, HART_RAM_BASE, MMU_READ, &m), ==, MMU_OK);
    g_assert_cmphex(m.gpa, ==, HART_RAM_BASE);
    g_assert_true(m.executable && m.page_size >= 2 * MIB);
    expect(&sp, UINT64_C(1) << 56, MMU_READ,
           MMU_ACCESS_FAULT); /* physical addresses have 56 bits */
    hart_free(sp.vcpu);
}

static void test_context_keys(void)
{
    Space sp = space_new("rv64", SV39);
    RiscvState *s = riscv_state(sp.vcpu);
    uint64_t k1[2], k2[2];

    riscv_mmu_key(sp.vcpu, k1);
    s->mstatus |= MSTATUS_SUM;
    riscv_mmu_key(sp.vcpu, k2);
    g_assert_cmphex(k1[1], !=, k2[1]);
    s->priv = RISCV_PRIV_U; /* where SUM does not matter */
    riscv_mmu_key(sp.vcpu, k1);
    s->mstatus &= ~MSTATUS_SUM;
    riscv_mmu_key(sp.vcpu, k2);
    g_assert_cmpmem(k1, sizeof(k1), k2, sizeof(k2));
    s->priv = RISCV_PRIV_M; /* where no table does */
    riscv_mmu_key(sp.vcpu, k1);
    s->satp ^= 1;
    riscv_mmu_key(sp.vcpu, k2);
    g_assert_cmpmem(k1, sizeof(k1), k2, sizeof(k2));
    s->mstatus |= MSTATUS_MPRV;
    riscv_mmu_key(sp.vcpu, k2);
    g_assert_cmphex(k1[1], !=, k2[1]);
    hart_free(sp.vcpu);
}

/* ---- Accesses through the TLB, and its fences ---- */

static void test_fences(void)
{
    enum { SFENCE = 0x12000073, RS1 = 1 << 15, RS2 = 1 << 20 };
    Space sp = space_new("rv64", SV39);
    uint64_t asid5 = (uint64_t)SV39 << 60 | UINT64_C(5) << 44 | ROOT >> 12;

    hart_csr_write(sp.vcpu, CSR_SATP, asid5);
    hart_poke(sp.vcpu, DATA, 11);
    hart_poke(sp.vcpu, DATA + 0x1000, 22);
    static const struct {
        uint64_t addr, asid;
        uint32_t regs;
        bool flushes;
    } rows[] = {
        {0, 0, 0, true},
        {0x1008, 0, RS1, true},
        {0x5000, 0, RS1, false},
        {0, 5, RS2, true},
        {0, 6, RS2, false},
        {0x1000, 5, RS1 | RS2, true},
        {0x1000, 6, RS1 | RS2, false},
        {0x5000, 5, RS1 | RS2, false},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        map(&sp, 0x1000, DATA, 0, RWX | AD);
        g_assert_cmpuint(vcpu_load(sp.vcpu, 0x1000, 8), ==, 11);
        hart_poke(sp.vcpu, entry_at(&sp, 0x1000, 0), pte(DATA + 0x1000, RWX | AD));
        riscv_helper_sfence_vma(sp.vcpu, rows[i].addr, rows[i].asid, SFENCE | rows[i].regs);
        /* Without a flush the old translation may stay; with one it must not. */
        uint64_t seen = vcpu_load(sp.vcpu, 0x1000, 8);
        g_assert_cmpuint(seen, ==, rows[i].flushes ? 22 : seen);
    }
    hart_free(sp.vcpu);
}

static unsigned code_writes;

static void note_code_write(void *opaque, uint64_t ram_page, unsigned first, unsigned len)
{
    code_writes++;
}

static const TlbCodeHooks hooks = {.written = note_code_write};

/* Goes to address space @asid, with the same tables. */
static void switch_to(Space *sp, unsigned asid)
{
    hart_csr_write(sp->vcpu, CSR_SATP,
                   (uint64_t)sp->mode << 60 | (uint64_t)asid << 44 | ROOT >> 12);
}

/* What is cached of a global mapping holds in other address spaces, until it is fenced; what is cached of
 * others does not. */
static void test_globals(void)
{
    Space sp = space_new("rv64", SV39);
    RiscvState *s = riscv_state(sp.vcpu);
    uint64_t asid;

    hart_poke(sp.vcpu, DATA, 11);
    hart_poke(sp.vcpu, DATA + 0x1000, 22);
    switch_to(&sp, 5);
    map(&sp, 0x1000, DATA, 0, RWX | AD | G);
    map(&sp, 0x2000, DATA, 0, RWX | AD);
    map(&sp, 0x3000, DATA, 0, RWX | AD | G | U);
    map(&sp, 0x4000, DATA + 0x4000, 0, RWX | AD | G);
    g_assert_cmpuint(vcpu_load(sp.vcpu, 0x1000, 8), ==, 11);
    vcpu_store(sp.vcpu, 0x4000, 11, 8);
    g_assert_cmpuint(vcpu_load(sp.vcpu, 0x2000, 8), ==, 11);
    hart_poke(sp.vcpu, entry_at(&sp, 0x1000, 0), pte(DATA + 0x1000, RWX | AD | G));
    hart_poke(sp.vcpu, entry_at(&sp, 0x2000, 0), pte(DATA + 0x1000, RWX | AD));
    for (unsigned i = 6; i < 100; i++) { /* more than there are contexts */
        switch_to(&sp, i);
        g_assert_cmpuint(vcpu_load(sp.vcpu, 0x1000, 8), ==, 11);
        g_assert_cmpuint(vcpu_load(sp.vcpu, 0x2000, 8), ==, 22);
    }
    hart_poke(sp.vcpu, entry_at(&sp, 0x2000, 0), pte(DATA, RWX | AD));
    asid = 99;
    riscv_tlb_fence(sp.vcpu, NULL, &asid);
    g_assert_cmpuint(vcpu_load(sp.vcpu, 0x1000, 8), ==, 11);
    g_assert_cmpuint(vcpu_load(sp.vcpu, 0x2000, 8), ==, 11);

    /* A copy of an entry for writing gives way to code like the first one. */
    TlbSystem *system = sp.vcpu->machine->tlb_system;
    MemoryHit hit;
    g_assert_true(memory_map_find(sp.vcpu->machine->memory, DATA + 0x4000, &hit));
    tlb_set_code_hooks(system, &hooks, NULL);
    tlb_mark_code(sp.vcpu, hit.ram_page, hit.host);
    for (unsigned i = 90; i < 110; i++) {
        switch_to(&sp, i);
        code_writes = 0;
        vcpu_store(sp.vcpu, 0x4000, 11, 8);
        g_assert_cmpuint(code_writes, ==, 1);
    }
    tlb_unmark_code(system, hit.ram_page);

    /* Rights to user pages go with SUM, global or not. */
    s->mstatus |= MSTATUS_SUM;
    vcpu_mmu_changed(sp.vcpu);
    g_assert_cmpuint(vcpu_load(sp.vcpu, 0x3000, 8), ==, 11);
    s->mstatus &= ~MSTATUS_SUM;
    for (unsigned i = 200; i < 240; i++) {
        switch_to(&sp, i);
        g_assert_true(HART_TRAPS(sp.vcpu, vcpu_load(sp.vcpu, 0x3000, 8)));
        hart_set_priv(sp.vcpu, RISCV_PRIV_S);
    }

    riscv_tlb_fence(sp.vcpu, NULL, NULL);
    for (unsigned i = 1; i < 100; i++) {
        switch_to(&sp, i);
        g_assert_cmpuint(vcpu_load(sp.vcpu, 0x1000, 8), ==, 22);
    }
    hart_free(sp.vcpu);
}

static void test_faults(void)
{
    Space sp = space_new("rv64", SV39);
    RiscvState *s = riscv_state(sp.vcpu);
    Vcpu *vcpu = sp.vcpu;

    s->stvec = 0x4000;
    s->pc = 0x100;
    g_assert_true(HART_TRAPS(vcpu, vcpu_load(vcpu, 0x1238, 8)));
    g_assert_cmphex(s->scause, ==, RISCV_LOAD_PAGE);
    g_assert_cmphex(s->stval, ==, 0x1238);
    g_assert_cmphex(s->sepc, ==, 0x100);
    g_assert_true(HART_TRAPS(vcpu, vcpu_store(vcpu, 0x1238, 0, 8)));
    g_assert_cmphex(s->scause, ==, RISCV_STORE_PAGE);
    map(&sp, 0x1000, 0x1000, 0, RWX | AD); /* nothing is there */
    g_assert_true(HART_TRAPS(vcpu, vcpu_cas(vcpu, 0x1000, 0, 0, 8)));
    g_assert_cmphex(s->scause, ==, RISCV_STORE_ACCESS);
    /* An access over two pages reports the part that failed. */
    map(&sp, 0x2000, DATA, 0, RWX | AD);
    map(&sp, 0x3000, DATA, 0, V | R | A);
    g_assert_true(HART_TRAPS(vcpu, vcpu_store(vcpu, 0x2ffc, ~UINT64_C(0), 8)));
    g_assert_cmphex(s->scause, ==, RISCV_STORE_PAGE);
    g_assert_cmphex(s->stval, ==, 0x3000);
    g_assert_cmphex(hart_peek(vcpu, DATA + 0xff8), ==, 0);
    hart_free(vcpu);
}

/* ---- Atomics and cache blocks ---- */

static void test_lr_sc(void)
{
    Space sp = space_new("rv64", SV39);
    Vcpu *vcpu = sp.vcpu;

    map(&sp, 0x1000, DATA, 0, RWX | AD);
    hart_poke(vcpu, DATA, UINT64_C(0x1111111180000001));
    g_assert_cmphex(riscv_helper_lr(vcpu, 0x1000, 4), ==, UINT64_C(0xffffffff80000001));
    g_assert_cmpuint(riscv_helper_sc(vcpu, 0x1000, 5, 4), ==, 0);
    g_assert_cmphex(hart_peek(vcpu, DATA), ==, UINT64_C(0x1111111100000005));
    g_assert_cmpuint(riscv_helper_sc(vcpu, 0x1000, 6, 4), ==, 1); /* once */
    riscv_helper_lr(vcpu, 0x1000, 8);
    g_assert_cmpuint(riscv_helper_sc(vcpu, 0x1008, 6, 8), ==, 1); /* elsewhere */
    g_assert_cmpuint(riscv_helper_sc(vcpu, 0x1000, 6, 8), ==, 1);
    riscv_helper_lr(vcpu, 0x1000, 8);
    hart_poke(vcpu, DATA, 7); /* another hart */
    g_assert_cmpuint(riscv_helper_sc(vcpu, 0x1000, 6, 8), ==, 1);
    g_assert_cmphex(hart_peek(vcpu, DATA), ==, 7);
    g_assert_true(HART_TRAPS(vcpu, riscv_helper_lr(vcpu, 0x1004, 8)));
    g_assert_cmpuint(riscv_state(vcpu)->scause, ==, RISCV_LOAD_MISALIGNED);
    g_assert_true(HART_TRAPS(vcpu, riscv_helper_sc(vcpu, 0x1002, 0, 4)));
    g_assert_cmpuint(riscv_state(vcpu)->scause, ==, RISCV_STORE_MISALIGNED);
    hart_free(vcpu);
}

static void test_amocas128(void)
{
    Space sp = space_new("rv64", SV39);
    RiscvState *s = riscv_state(sp.vcpu);

    map(&sp, 0x1000, DATA, 0, RWX | AD);
    hart_poke(sp.vcpu, DATA, 1);
    hart_poke(sp.vcpu, DATA + 8, 2);
    s->x[10] = 1;
    s->x[11] = 3;
    s->x[12] = 4;
    s->x[13] = 5;
    riscv_helper_amocas128(sp.vcpu, 0x1000, 10, 12); /* differs */
    g_assert_cmpuint(s->x[11], ==, 2);
    g_assert_cmpuint(hart_peek(sp.vcpu, DATA), ==, 1);
    riscv_helper_amocas128(sp.vcpu, 0x1000, 10, 12);
    g_assert_cmpuint(hart_peek(sp.vcpu, DATA), ==, 4);
    g_assert_cmpuint(hart_peek(sp.vcpu, DATA + 8), ==, 5);
    g_assert_true(HART_TRAPS(sp.vcpu, riscv_helper_amocas128(sp.vcpu, 0x1008, 10, 12)));
    hart_free(sp.vcpu);
}

static uint32_t cbo(unsigned op)
{
    return op << 20 | 0x200f;
}

static void test_cbo(void)
{
    Space sp = space_new("rv64", SV39);
    RiscvState *s = riscv_state(sp.vcpu);
    Vcpu *vcpu = sp.vcpu;

    map(&sp, 0x1000, DATA, 0, RWX | U | AD);
    for (unsigned i = 0; i < 24; i++) {
        hart_poke(vcpu, DATA + 8 * i, i + 1);
    }
    for (unsigned op = 0; op <= 4; op += op == 2 ? 2 : 1) {
        uint64_t enable = op == 0 ? 0x30 : op == 4 ? 0x80 : 0x40;
        for (unsigned n = 0; n < 4; n++) {
            s->menvcfg = n & 1 ? enable : 0;
            s->senvcfg = n & 2 ? enable : 0;
            s->mstatus = MSTATUS_SUM;
            hart_set_priv(vcpu, RISCV_PRIV_U);
            g_assert_cmpint(HART_TRAPS(vcpu, riscv_helper_cbo(vcpu, 0x1048, cbo(op))), ==, n != 3);
            s->mstatus = MSTATUS_SUM;
            hart_set_priv(vcpu, RISCV_PRIV_S);
            g_assert_cmpint(HART_TRAPS(vcpu, riscv_helper_cbo(vcpu, 0x1048, cbo(op))), ==,
                            !(n & 1));
            g_assert_cmpuint(s->scause, ==, RISCV_ILLEGAL);
        }
    }
    for (unsigned i = 0; i < 24; i++) {
        g_assert_cmpuint(hart_peek(vcpu, DATA + 8 * i), ==, i / 8 == 1 ? 0 : i + 1);
    }
    /* Clean needs a right to read or write; zero a right to write. */
    s->menvcfg = 0xf0;
    s->senvcfg = 0xf0;
    map(&sp, 0x1000, DATA, 0, V | R | U | A);
    hart_set_priv(vcpu, RISCV_PRIV_U);
    g_assert_false(HART_TRAPS(vcpu, riscv_helper_cbo(vcpu, 0x1048, cbo(1))));
    g_assert_true(HART_TRAPS(vcpu, riscv_helper_cbo(vcpu, 0x1048, cbo(4))));
    g_assert_cmpuint(s->scause, ==, RISCV_STORE_PAGE);
    g_assert_cmphex(s->stval, ==, 0x1048);
    hart_set_priv(vcpu, RISCV_PRIV_U);
    g_assert_true(HART_TRAPS(vcpu, riscv_helper_cbo(vcpu, 0x8008, cbo(2))));
    g_assert_cmpuint(s->scause, ==, RISCV_STORE_PAGE);
    hart_free(vcpu);
}

/* ---- Physical memory protection ---- */

enum { TOR = 1 << 3, NA4 = 2 << 3, NAPOT_PMP = 3 << 3, LOCK = 0x80 };

static void set_pmp(Vcpu *vcpu, unsigned i, uint8_t cfg, uint64_t addr)
{
    RiscvState *s = riscv_state(vcpu);

    s->pmpaddr[i] = addr;
    s->pmpcfg[i] = cfg;
}

static void test_pmp_matching(void)
{
    Vcpu *vcpu = hart_new("rv64");
    const RiscvState *s = riscv_state(vcpu);

    g_assert_cmpint(riscv_pmp_rights(s, 0x1000, 8, RISCV_PRIV_M), ==, 7);
    g_assert_cmpint(riscv_pmp_rights(s, 0x1000, 8, RISCV_PRIV_S), ==, 0);
    set_pmp(vcpu, 0, NA4 | PMP_R, 0x1000 >> 2);
    set_pmp(vcpu, 1, NAPOT_PMP | PMP_R | PMP_W, 0x2000 >> 2 | 1); /* 16 bytes */
    set_pmp(vcpu, 2, 0, 0x3000 >> 2);
    set_pmp(vcpu, 3, TOR | PMP_X, 0x4000 >> 2);
    set_pmp(vcpu, 4, NAPOT_PMP | LOCK | PMP_R, 0x8000 >> 2 | 0x1ff); /* 4 KiB */
    set_pmp(vcpu, 5, TOR | PMP_R, 0x100 >> 2);                       /* empty: below its base */
    g_assert_cmpint(riscv_pmp_rights(s, 0x1000, 4, RISCV_PRIV_U), ==, PMP_R);
    g_assert_cmpint(riscv_pmp_rights(s, 0x1000, 8, RISCV_PRIV_U), ==, 0); /* partly */
    g_assert_cmpint(riscv_pmp_rights(s, 0x1000, 8, RISCV_PRIV_M), ==, 0);
    g_assert_cmpint(riscv_pmp_rights(s, 0x1000, 4, RISCV_PRIV_M), ==, 7); /* not locked */
    g_assert_cmpint(riscv_pmp_rights(s, 0x200f, 1, RISCV_PRIV_S), ==, PMP_R | PMP_W);
    g_assert_cmpint(riscv_pmp_rights(s, 0x2010, 1, RISCV_PRIV_S), ==, 0);
    g_assert_cmpint(riscv_pmp_rights(s, 0x3000, 4096, RISCV_PRIV_S), ==, PMP_X);
    g_assert_cmpint(riscv_pmp_rights(s, 0x2fff, 2, RISCV_PRIV_S), ==, 0);
    g_assert_cmpint(riscv_pmp_rights(s, 0x8ff8, 8, RISCV_PRIV_M), ==, PMP_R);
    g_assert_cmpint(riscv_pmp_rights(s, 0x50, 8, RISCV_PRIV_S), ==, 0);
    g_assert_true(riscv_pmp_uniform(s, 0x3000, 4096));
    g_assert_false(riscv_pmp_uniform(s, 0x2000, 4096));
    g_assert_false(riscv_pmp_uniform(s, 0, 2 * MIB));
    g_assert_true(riscv_pmp_uniform(s, 2 * MIB, 2 * MIB));
    set_pmp(vcpu, 0, NAPOT_PMP | PMP_RWX, ~UINT64_C(0) >> 10); /* everything, first */
    g_assert_cmpint(riscv_pmp_rights(s, 0x1000, 8, RISCV_PRIV_U), ==, 7);
    g_assert_true(riscv_pmp_uniform(s, 0, UINT64_C(1) << 40));
    hart_free(vcpu);
}

static void test_pmp_walk(void)
{
    Space sp = space_new("rv64", SV39);
    MmuMapping m;

    map(&sp, 0x1000, DATA, 0, RWX | AD);
    map(&sp, 0x200000, DATA, 1, RWX | AD);
    /* Entry 0: 8 bytes in the page that cannot be written; entry 1: the rest. */
    set_pmp(sp.vcpu, 0, NAPOT_PMP | PMP_R, (DATA + 0x100) >> 2);
    set_pmp(sp.vcpu, 1, NAPOT_PMP | PMP_RWX, ~UINT64_C(0) >> 10);
    g_assert_cmpint(walk(&sp, 0x1000, MMU_WRITE, &m), ==, MMU_OK);
    g_assert_false(m.cacheable);
    expect(&sp, 0x1100, MMU_WRITE, MMU_ACCESS_FAULT);
    expect(&sp, 0x1104, MMU_READ, MMU_ACCESS_FAULT); /* 8 bytes, half inside */
    g_assert_cmpint(walk(&sp, 0x201000, MMU_WRITE, &m), ==, MMU_OK);
    g_assert_true(m.cacheable);
    g_assert_cmpuint(m.page_size, ==, 4096); /* of 2 MiB not all is alike */

    /* Through the TLB: an access next to the range works, one in it faults. */
    vcpu_tlb_flush(sp.vcpu, ~UINT64_C(0), NULL, 0, false);
    vcpu_store(sp.vcpu, 0x1108, 42, 8);
    g_assert_cmpuint(vcpu_load(sp.vcpu, 0x1108, 8), ==, 42);
    g_assert_true(HART_TRAPS(sp.vcpu, vcpu_store(sp.vcpu, 0x1100, 1, 8)));
    g_assert_cmpuint(riscv_state(sp.vcpu)->scause, ==, RISCV_STORE_ACCESS);

    /* Tables are read, and updated, with supervisor rights. */
    riscv_state(sp.vcpu)->menvcfg = MENVCFG_ADUE;
    uint64_t entry = map(&sp, 0x1000, DATA, 0, RWX);
    set_pmp(sp.vcpu, 0, NAPOT_PMP | PMP_R, (entry & ~UINT64_C(0xfff)) >> 2 | 0x1ff);
    expect(&sp, 0x1000, MMU_READ, MMU_ACCESS_FAULT); /* A cannot be set */
    hart_poke(sp.vcpu, entry, pte(DATA, RWX | AD));
    expect(&sp, 0x1000, MMU_READ, MMU_OK);
    set_pmp(sp.vcpu, 0, NAPOT_PMP, (entry & ~UINT64_C(0xfff)) >> 2 | 0x1ff);
    expect(&sp, 0x1000, MMU_READ, MMU_ACCESS_FAULT);
    hart_free(sp.vcpu);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/riscv/mmu/modes", test_modes);
    g_test_add_func("/riscv/mmu/print", test_print);
    g_test_add_func("/riscv/mmu/rights", test_rights);
    g_test_add_func("/riscv/mmu/reserved", test_reserved);
    g_test_add_func("/riscv/mmu/napot-pbmt", test_napot_pbmt);
    g_test_add_func("/riscv/mmu/accessed-dirty", test_accessed_dirty);
    g_test_add_func("/riscv/mmu/mprv", test_mprv);
    g_test_add_func("/riscv/mmu/context-keys", test_context_keys);
    g_test_add_func("/riscv/mmu/fences", test_fences);
    g_test_add_func("/riscv/mmu/globals", test_globals);
    g_test_add_func("/riscv/mmu/faults", test_faults);
    g_test_add_func("/riscv/memory/lr-sc", test_lr_sc);
    g_test_add_func("/riscv/memory/amocas128", test_amocas128);
    g_test_add_func("/riscv/memory/cbo", test_cbo);
    g_test_add_func("/riscv/pmp/matching", test_pmp_matching);
    g_test_add_func("/riscv/pmp/walk", test_pmp_walk);
    return g_test_run();
}
