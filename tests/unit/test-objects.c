/*
 * Objects that the user creates, and guest memory that comes from one.
 */
#include "softmmu/objects.h"
#include "softmmu/base/error.h"
#include <string.h>
#include <unistd.h>

static const MachineClass toy_machine = {.name = "toy",
                                         .desc = "toy",
                                         .max_cpus = 1,
                                         .default_ram = MIB};

static bool add(Machine *machine, const char *text, GError **error)
{
    Options *opts = options_parse("-object", text, "qom-type", NULL);
    bool ok = object_add(machine, opts, error);
    options_free(opts);
    return ok;
}

static void test_life(void)
{
    Machine *machine = machine_alloc(&toy_machine, true);
    GError *error = NULL;
    g_assert_true(add(machine, "rng-random,id=r0,filename=/dev/random", &error));
    g_assert_true(add(machine, "secret,id=s0,data=letmein", &error));
    g_assert_cmpstr(object_get(object_nth(machine, 0), "filename"), ==, "/dev/random");
    g_assert_null(object_get(object_nth(machine, 0), "data"));
    UserObject *rng = object_use(machine, "r0", "rng-", &error);
    g_assert_cmpstr(object_type(rng), ==, "rng-random");
    g_assert_false(object_remove(machine, "r0", &error));
    g_assert_cmpstr(error->message, ==, "object 'r0' is in use, can not be deleted");
    g_clear_error(&error);
    object_unuse(rng);
    g_assert_true(object_remove(machine, "r0", &error));
    g_assert_false(object_remove(machine, "r0", &error));
    g_assert_cmpstr(error->message, ==, "object 'r0' not found");
    g_clear_error(&error);
    g_assert_null(object_use(machine, "s0", "rng-", &error));
    g_clear_error(&error);
    machine_free(machine);
}

static void test_bad(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"id=x", "Parameter 'qom-type' is missing; '-object help' lists the types"},
        {"sceret,id=x", "invalid object type: 'sceret'; did you mean 'secret'?"},
        {"secret,data=x", "Parameter 'id' is missing: object secret needs one"},
        {"secret,id=s0,data=x",
         "attempt to add duplicate property 's0' to object (type 'container')"},
        {"secret,id=x", "object secret: give either data=TEXT or file=FILE"},
        {"secret,id=x,data=a,file=/b", "object secret: give either data=TEXT or file=FILE"},
        {"secret,id=x,data=\xff", "object secret: the data is not UTF-8; use format=base64"},
        {"secret,id=x,data=!!,format=base64", "object secret: the data is not base64"},
        {"secret,id=x,data=a,format=hex", "object secret: format is raw or base64, not 'hex'"},
        {"secret,id=x,dat=a", "-object: unknown property 'dat'; did you mean 'data'?"},
        {"rng-random,id=x,filename=/etc/passwd",
         "object rng-random: filename is /dev/urandom or /dev/random, not '/etc/passwd'"},
        {"memory-backend-ram,id=x",
         "object memory-backend-ram: size= is missing or not a multiple of 4096"},
        {"memory-backend-file,id=x,size=1M",
         "object memory-backend-file: mem-path=FILE is missing"},
    };
    Machine *machine = machine_alloc(&toy_machine, true);
    GError *error = NULL;
    g_assert_true(add(machine, "secret,id=s0,data=YQ==,format=base64", &error));
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_false(add(machine, cases[i].text, &error));
        g_assert_cmpstr(error->message, ==, cases[i].message);
        g_clear_error(&error);
    }
    g_assert_null(object_nth(machine, 1));
    machine_free(machine);
}

static bool toy_init(Machine *machine, GError **error)
{
    return machine_make_ram(machine, machine->config.ram_size, error);
}

static const MachineClass ram_machine = {.name = "ram",
                                         .desc = "memory",
                                         .max_cpus = 1,
                                         .default_ram = MIB,
                                         .init = toy_init};

/* A machine with memory from the object that @object describes. */
static Machine *machine_with(const char *object, uint64_t ram_size, GError **error)
{
    MachineConfig config = {.ram_size = ram_size, .memory_backend = "m0"};
    Machine *machine = machine_alloc(&ram_machine, true);
    g_assert_true(add(machine, object, error));
    if (!machine_init(machine, &config, error) || !machine_complete(machine, error)) {
        machine_free(machine);
        return NULL;
    }
    return machine;
}

static void test_memory(void)
{
    char path[] = "/tmp/amphi-objects-XXXXXX", byte = 0;
    int fd = g_mkstemp(path);
    GError *error = NULL;
    g_assert_cmpint(write(fd, "from the file", 13), ==, 13);

    /* Without share=on the file is where contents come from, not where they go. */
    char *text = g_strdup_printf("memory-backend-file,id=m0,size=2M,mem-path=%s", path);
    Machine *machine = machine_with(text, 0, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(machine->ram->size, ==, 2 * MIB);
    g_assert_cmpint(memcmp(machine->ram->host, "from the file", 14), ==, 0);
    machine->ram->host[0] = 'X';
    machine_free(machine);
    g_assert_true(pread(fd, &byte, 1, 0) == 1 && byte == 'f');
    g_free(text);

    text = g_strdup_printf("memory-backend-file,id=m0,size=2M,mem-path=%s,share=on", path);
    machine = machine_with(text, 2 * MIB, &error);
    machine->ram->host[0] = 'X';
    machine->ram->host[2 * MIB - 1] = 'Y';
    machine_free(machine);
    g_assert_true(pread(fd, &byte, 1, 0) == 1 && byte == 'X');
    g_assert_true(pread(fd, &byte, 1, 2 * MIB - 1) == 1 && byte == 'Y');
    g_free(text);
    unlink(path);
    close(fd);

    machine = machine_with("memory-backend-file,id=m0,size=1M,mem-path=/tmp,share=on,prealloc=on",
                           0, &error);
    g_assert_cmpuint(machine->ram->host[MIB - 1], ==, 0);
    machine_free(machine);

    g_assert_null(machine_with("memory-backend-memfd,id=m0,size=1M", 2 * MIB, &error));
    g_assert_cmpstr(error->message, ==,
                    "-m says 2 MiB and memory-backend 'm0' 1 MiB; the sizes must match");
    g_clear_error(&error);
    g_assert_null(
        machine_with("memory-backend-file,id=m0,size=1M,mem-path=/nowhere/x,share=on", 0, &error));
    g_assert_nonnull(strstr(error->message, "from /nowhere/x: No such file"));
    g_clear_error(&error);
    g_assert_null(machine_with("rng-builtin,id=m0", 0, &error));
    g_clear_error(&error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/objects/life", test_life);
    g_test_add_func("/objects/bad", test_bad);
    g_test_add_func("/objects/memory", test_memory);
    return g_test_run();
}
