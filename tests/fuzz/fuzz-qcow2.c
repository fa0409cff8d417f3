/*
 * Fuzzer of qcow2 images: the input is a small program that changes bytes of an image and uses it.
 *
 * Input: one byte for the cluster size and version, then steps. A step is a byte for its kind, and its operands;
 * running out of input ends the program. Nothing that an image says may crash or hang whoever opens it,
 * nor make it allocate without bounds; requests then may fail.
 *
 * libFuzzer: -max_len=1000
 */
#include "hw/block/image.h"
#include "softmmu/base/error.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DISK_SIZE (1 * MIB)
#define MAX_REQUEST (64 * 1024)
#define MAX_FILE (4 * MIB) /* what is changed is before that */

static BlockImage *open_image(const char *path, bool read_only)
{
    return image_open(&(ImageOpen){.path = path,
                                   .format = "qcow2",
                                   .read_only = read_only,
                                   .no_locking = true,
                                   .ignore_flush = true,
                                   .discard = true},
                      NULL);
}

/* The bytes at which an image has something to say: of the header, of tables, or anything. */
static uint64_t take_place(FuzzInput *in, unsigned cluster_bits)
{
    unsigned kind = fuzz_take(in, 1);

    switch (kind & 3) {
    case 0: return fuzz_take(in, 1) % 120;
    case 1: /* a table entry of one of the first clusters */
        return ((uint64_t)(kind >> 2) << cluster_bits) + (fuzz_take(in, 1) & 31) * 8;
    default: return fuzz_take(in, 3);
    }
}

static void patch(int fd, FuzzInput *in, unsigned cluster_bits)
{
    uint64_t place = take_place(in, cluster_bits), value = 0;
    unsigned len = fuzz_take(in, 1) % 9;

    for (unsigned i = 0; i < len; i++) {
        value |= fuzz_take(in, 1) << (8 * i);
    }
    if (place < MAX_FILE) {
        (void)!pwrite(fd, &value, len, place);
    }
}

/* What takes longest, by far: to read the tables of an image as large as its header says, and to move one that has to
 * grow. An input that does so over and over finds nothing that one does not that does it a few times, but takes seconds;
 * and libFuzzer makes many of it. */
#define MAX_OPENED 16
#define MAX_RESIZED 4

typedef struct Program {
    BlockImage *image; /* NULL: not open */
    unsigned opened, resized;
} Program;

static void resize(Program *program, uint64_t more)
{
    BlockImage *image = program->image;
    if (program->resized < MAX_RESIZED) {
        program->resized++;
        image->ops->resize(image, image->size + more, NULL);
    }
}

static void request(Program *program, unsigned kind, FuzzInput *in)
{
    static uint8_t buf[MAX_REQUEST];
    BlockImage *image = program->image;
    uint64_t offset = fuzz_take(in, 2) * 512 % image->size;
    uint64_t wanted = (fuzz_take(in, 1) + 1) * 256 / 512 * 512,
             len = MIN(wanted, image->size - offset);
    struct iovec iov[2] = {{buf, len / 2}, {buf + len / 2, len - len / 2}};

    if (image->read_only || kind == 0) {
        image->ops->readv(image, offset, iov, 2);
        return;
    }
    switch (kind) {
    case 1:
        memset(buf, offset >> 9, len);
        image->ops->writev(image, offset, iov, 2);
        break;
    case 2: image->ops->zero(image, offset, len, true); break;
    case 3: image->ops->discard(image, offset, len); break;
    case 4: image->ops->flush(image); break;
    case 5: resize(program, len * 16); break;
    }
}

static void reopen(Program *program, const char *path, bool read_only, GString *text)
{
    if (program->image) {
        image_close(program->image);
    }
    program->image = open_image(path, read_only);
    program->opened++;
    if (program->image) {
        program->image->ops->print(program->image, text);
    }
}

static void run(int fd, const char *path, FuzzInput *in, unsigned cluster_bits)
{
    Program program = {0};
    GString *text = g_string_new(NULL);

    while (in->left && program.opened < MAX_OPENED) {
        unsigned op = fuzz_take(in, 1);

        if ((op & 15) < 6) {
            patch(fd, in, cluster_bits);
        } else if ((op & 15) == 6 || !program.image) {
            reopen(&program, path, op >> 7, text);
        } else if (program.image->size) {
            request(&program, (op & 15) % 6, in);
        }
    }
    if (program.image) {
        image_close(program.image);
    }
    g_string_free(text, true);
}

static void be_quiet(const gchar *text)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = {data, MIN(size, 4096)};
    unsigned first = fuzz_take(&in, 1), cluster_bits = 9 + first % 5;
    Qcow2Create create = {.size = DISK_SIZE,
                          .cluster_bits = cluster_bits,
                          .version = 2 + (first >> 7),
                          .lazy_refcounts = first >> 6 & 1};
    int fd = memfd_create("qcow2", MFD_CLOEXEC);
    char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    BlockFile *file = block_file_open(&(BlockFileOpen){.path = path, .no_locking = true}, NULL);

    g_set_printerr_handler(be_quiet);
    if (file && qcow2_create(file, &create, NULL)) {
        run(fd, path, &in, cluster_bits);
    }
    if (file) {
        block_file_close(file);
    }
    g_free(path);
    close(fd);
    return 0;
}

static void make_input(GRand *rand, GByteArray *input)
{
    for (unsigned i = 0; i < 192; i++) {
        g_byte_array_append(input, (const uint8_t[]){g_rand_int(rand)}, 1);
    }
    input->data[1] = 6; /* most begin with an image that is whole */
}

FUZZ_MAIN(6000, make_input)
