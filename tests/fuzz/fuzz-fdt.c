/*
 * Fuzzer of device trees from the user (-dtb): the input is a blob, which a machine boots with, or refuses with
 * one line.
 */
#include "hw/riscv/boards.h"
#include "tests/fuzz/fuzz.h"
#include <libfdt.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int file = memfd_create("dtb", MFD_CLOEXEC);
    g_assert_cmpint(write(file, data, size), ==, (gssize)size);
    char *path = g_strdup_printf("/proc/self/fd/%d", file);
    MachineConfig config = {
        .ram_size = 4 * MIB, .bios = "none", .dtb = path, .append = "console=ttyS0"};
    GError *error = NULL;
    Machine *machine = machine_alloc(&riscv_spike_machine, true);
    if (!machine_init(machine, &config, &error) || !machine_complete(machine, &error)) {
        g_assert_nonnull(error);
        g_assert_null(strchr(error->message, '\n'));
        g_error_free(error);
    }
    machine_free(machine);
    g_free(path);
    close(file);
    return 0;
}

/* A sound tree with some bytes changed. */
static void make_input(GRand *rand, GByteArray *input)
{
    char blob[1024];
    g_assert_cmpint(fdt_create(blob, sizeof(blob)), ==, 0);
    fdt_finish_reservemap(blob);
    fdt_begin_node(blob, "");
    fdt_property_string(blob, "model", "amphi");
    fdt_begin_node(blob, g_rand_boolean(rand) ? "chosen" : "memory");
    fdt_property_u32(blob, "phandle", g_rand_int(rand));
    fdt_end_node(blob);
    fdt_end_node(blob);
    g_assert_cmpint(fdt_finish(blob), ==, 0);
    size_t size = fdt_totalsize(blob);
    for (int n = g_rand_int_range(rand, 0, 4); n > 0; n--) {
        blob[g_rand_int_range(rand, 0, (gint32)size)] = (char)g_rand_int(rand);
    }
    g_byte_array_append(input, (const guint8 *)blob, size);
}

FUZZ_MAIN(500, make_input)
