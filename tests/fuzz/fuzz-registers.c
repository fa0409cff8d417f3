/*
 * Fuzzer of the register blocks of whole boards (bench.h): whatever the accesses do, the board works on, saves its
 * state, and comes back by a reset: the next input starts there.
 *
 * Input: a byte for the board, then a program.
 *
 * libFuzzer: -detect_leaks=0 -max_len=2000
 * (boards are made once)
 */
#include "tests/fuzz/bench.h"

static void save_all(Machine *machine)
{
    GByteArray *bytes = g_byte_array_new();
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *device = machine->devices->pdata[i];
        if (device->ops->vmstate) {
            vmstate_save(bytes, device->ops->vmstate, device);
        }
    }
    g_byte_array_unref(bytes);
}

/* The bench with @kind, with the lock of its machine. Each is made once. */
static Bench *bench_begin(BenchKind kind)
{
    static Bench *benches[BENCH_BOARDS];
    if (!benches[kind]) {
        benches[kind] = bench_new(kind);
    }
    machine_lock(benches[kind]->machine);
    bench_reset(benches[kind]);
    return benches[kind];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = {data, size};
    Bench *bench = bench_begin(fuzz_take(&in, 1) % BENCH_BOARDS);
    bench_run(bench, &in);
    save_all(bench->machine);
    machine_unlock(bench->machine);
    return 0;
}

static void make_input(GRand *rand, GByteArray *input)
{
    fuzz_random_bytes(rand, input, g_rand_int_range(rand, 2, 1000));
    input->data[0] = g_rand_int(rand);
}

FUZZ_MAIN(1500, make_input)
