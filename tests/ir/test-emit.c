/*
 * The emitter against the interpreter: random regions end in the same state, memory, budget and flags;
 * with all host features, with none, and with some taken away, through TLB hits and through callbacks.
 *
 * On a difference the seed, the region and its host code are printed. `test-emit --seed=N` runs one case.
 */
#include "tests/ir/random-ir.h"

#include <stdlib.h>
#include <string.h>
#include <xmmintrin.h>

#define CODE_BYTES (4u << 20)
#define DENORMAL_FLAG 2u /* of MXCSR: not an IEEE flag, nobody reads it */

typedef struct Host {
    Tcg *tcg;
    TcgRuntime rt;
    TcgCode code;
    RandomGuest *interp, *native;
    IrOp left_by;
    bool unknown_pc; /* tcg_restore() did not know the call */
} Host;

static const char *const feature_masks[] = {
    "", "all", "bmi1,lzcnt,popcnt", "avx", "fma,avx2", "bmi2,sse41",
};

/* ---- The engine's side. ---- */

static void *native_resolve(void *vcpu, TcgExit *exit)
{
    RandomGuest *guest = vcpu;
    Host *host = guest->opaque;

    g_assert_cmphex(exit->pc, ==, guest->state.pc);
    host->left_by = IR_exit_direct;
    return tcg_exit_code(host->tcg);
}

static void *native_lookup(void *vcpu)
{
    RandomGuest *guest = vcpu;
    Host *host = guest->opaque;

    host->left_by = IR_exit_lookup;
    return tcg_exit_code(host->tcg);
}

static void *native_lookup_plain(void *vcpu)
{
    RandomGuest *guest = vcpu;
    Host *host = guest->opaque;

    host->left_by = IR_translate;
    return tcg_exit_code(host->tcg);
}

/* Before a fault leaves: what registers hold, or nothing if a helper faults. */
static void native_sync(RandomGuest *guest)
{
    Host *host = guest->opaque;
    unsigned undone = 0;

    if (guest->sync_frame) {
        host->unknown_pc = !tcg_restore(&host->code, guest->sync_pc, guest->sync_frame, &guest->state,
                                        &guest->state.pc, &undone);
        guest->sync_frame = NULL;
    } else {
        undone = guest->undone;
    }
    guest->budget += undone;
}

static Host *host_new(const char *off)
{
    Host *host = g_new0(Host, 1);
    GError *error = NULL;

    random_runtime(&host->rt);
    host->rt.resolve = native_resolve;
    host->rt.lookup = native_lookup;
    host->rt.lookup_plain = native_lookup_plain;
    host->tcg = tcg_new(&host->rt, CODE_BYTES, off, &error);
    g_assert_no_error(error);
    host->interp = random_guest_new();
    host->native = random_guest_new();
    host->native->opaque = host;
    host->native->sync = native_sync;
    return host;
}

static void host_free(Host *host)
{
    random_guest_free(host->interp);
    random_guest_free(host->native);
    tcg_free(host->tcg);
    g_free(host);
}

/* ---- One case. ---- */

static void copy_guest(RandomGuest *to, const RandomGuest *from)
{
    to->state = from->state;
    memcpy(to->memory, from->memory, RANDOM_MEM_SIZE);
    to->budget = from->budget;
    to->kick = from->kick;
}

/* Lets some of the guest's pages hit. */
static void fill_tlb(RandomGuest *guest, unsigned hits)
{
    for (unsigned page = 0; page < RANDOM_MEM_SIZE / 4096; page++) {
        uint64_t addr = RANDOM_MEM_BASE + 4096 * page;
        unsigned index = addr >> 12 & ((1u << TCG_TLB_BITS) - 1);
        TcgTlbEntry *e = &guest->tlb->entries[index];
        uint64_t never = (uint64_t)(index ^ 1) << 12;

        e->read_tag = hits >> (2 * page) & 1 ? addr : never;
        e->write_tag = hits >> (2 * page) & 2 ? addr : never;
        e->host = (uintptr_t)guest->memory + 4096 * page;
    }
}

static void run_native(Host *host, uint32_t mxcsr, RandomResult *result)
{
    RandomGuest *guest = host->native;
    volatile uint32_t host_mxcsr = _mm_getcsr();

    memset(result, 0, sizeof(*result));
    guest->fault_addr = 0;
    guest->exit_reason = 0;
    guest->undone = 0;
    host->left_by = IR_NOPS;
    host->unknown_pc = false;
    if (sigsetjmp(guest->unwind, 0) == 0) {
        _mm_setcsr(mxcsr);
        tcg_run(host->tcg, &guest->state, host->code.entry);
        result->op = host->left_by == IR_NOPS ? IR_exit_reason : host->left_by;
        result->reason = guest->exit_reason;
    } else {
        result->faulted = true;
    }
    result->mxcsr = _mm_getcsr();
    _mm_setcsr(host_mxcsr);
    result->state = guest->state;
    memcpy(result->memory, guest->memory, RANDOM_MEM_SIZE);
    result->budget = guest->budget;
    result->fault_addr = guest->fault_addr;
}

/* The ways to leave that translated code does not tell apart (an indirect exit to a constant is a direct
 * one, and an indirect exit polls). */
static void normalize(RandomResult *interp, RandomResult *native, bool kick)
{
    interp->mxcsr &= ~DENORMAL_FLAG;
    native->mxcsr &= ~DENORMAL_FLAG;
    if (interp->op == IR_exit_indirect) {
        interp->op = IR_exit_lookup;
        if (kick && native->op == IR_exit_reason && native->reason == RANDOM_REASON_KICK) {
            native->op = IR_exit_lookup;
            native->reason = 0;
        }
    }
    if (interp->op == IR_exit_direct) {
        interp->op = IR_exit_lookup;
    }
    if (native->op == IR_exit_direct) {
        native->op = IR_exit_lookup;
    }
    if (interp->op == IR_poll || interp->op == IR_count) {
        interp->op = IR_exit_reason;
    }
}

static void fail_case(const char *off, unsigned seed, const IrRegion *ir, const Host *host,
                      const GString *what)
{
    GString *text = g_string_new(NULL);

    ir_print(ir, text);
    if (host->code.entry) {
        tcg_disassemble(host->code.entry, host->code.size, text);
    }
    g_printerr("%s\nseed %u, features off: '%s'; interpreter / host:\n%s", text->str, seed, off,
               what->str);
    g_string_free(text, TRUE);
    g_test_fail();
    exit(1);
}

static void free_code(TcgCode *code)
{
    g_free(code->exits);
    g_free(code->sync_table);
    memset(code, 0, sizeof(*code));
}

static void run_case(Host *host, const char *off, unsigned seed, unsigned features)
{
    GRand *rng = g_rand_new_with_seed(seed);
    GString *what = g_string_new(NULL);
    IrRegion ir;
    TcgCompile how = {.pc = 0x10000, .flags = 5, .optimize = seed & 1};
    unsigned size = 4 + g_rand_int_range(rng, 0, seed % 16 ? 60 : 400);

    random_region_init(&ir);
    random_ir(rng, &ir, size, features);
    if (!ir_verify(&ir, what)) {
        fail_case(off, seed, &ir, host, what);
    }
    if (seed & 2) {
        ir_optimize(&ir, 1 + (seed >> 2 & 1));
    }
    for (unsigned b = 1; b < ir.nblocks; b++) {
        ir.blocks[b].cold = g_rand_int_range(rng, 0, 4) == 0;
        ir.blocks[b].loop_depth = (uint16_t)g_rand_int_range(rng, 0, 3);
    }
    if (!tcg_compile(host->tcg, &ir, &how, tcg_code_start(host->tcg), tcg_code_size(host->tcg),
                     &host->code)) {
        g_string_append(what, "does not compile\n");
        fail_case(off, seed, &ir, host, what);
    }
    for (unsigned run = 0; run < 4; run++) {
        uint32_t mxcsr = 0x1f80 | (uint32_t)g_rand_int_range(rng, 0, 4) << 13;
        RandomResult a, b;
        bool kick;

        random_guest_fill(host->interp, rng);
        kick = host->interp->kick;
        copy_guest(host->native, host->interp);
        fill_tlb(host->native, run == 0 ? 0 : run == 1 ? 15 : (unsigned)g_rand_int_range(rng, 0, 16));
        random_run_interp(host->interp, &ir, mxcsr, &a);
        run_native(host, mxcsr, &b);
        normalize(&a, &b, kick);
        if (host->unknown_pc) {
            g_string_append(what, "tcg_restore() fails\n");
        }
        if (!random_result_equal(&a, &b, what) || host->unknown_pc) {
            g_string_append_printf(what, "in run %u, mxcsr %#x\n", run, mxcsr);
            fail_case(off, seed, &ir, host, what);
        }
    }
    free_code(&host->code);
    ir_region_free(&ir);
    g_string_free(what, TRUE);
    g_rand_free(rng);
}

/* ---- Test programs. ---- */

typedef struct RandomTest {
    const char *name;
    unsigned features, cases;
} RandomTest;

static const RandomTest random_tests[] = {
    {"integer", 0, 1500},
    {"memory", RANDOM_MEMORY | RANDOM_FAULT | RANDOM_ATOMIC | RANDOM_XLATE, 1500},
    {"call", RANDOM_CALL | RANDOM_FAULT | RANDOM_MEMORY, 1000},
    {"branch", RANDOM_BRANCH | RANDOM_COUNT | RANDOM_CALL | RANDOM_MEMORY | RANDOM_FAULT, 1500},
    {"fp", RANDOM_FP, 1500},
    {"vector", RANDOM_VECTOR | RANDOM_MEMORY, 700},
    {"all", RANDOM_ALL, 3000},
};

static void test_random(gconstpointer data)
{
    const RandomTest *test = data;

    for (size_t m = 0; m < G_N_ELEMENTS(feature_masks); m++) {
        Host *host = host_new(feature_masks[m]);

        for (unsigned i = 0; i < test->cases; i++) {
            run_case(host, feature_masks[m], (unsigned)m * 100000 + i, test->features);
        }
        host_free(host);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(random_tests); i++) {
        char *path = g_strdup_printf("/emit/random/%s", random_tests[i].name);

        g_test_add_data_func(path, &random_tests[i], test_random);
        g_free(path);
    }
    return g_test_run();
}
