/*
 * Fuzzer of the 9P server: the input is what a client asks, of a folder in which there are a file, a folder and
 * symbolic links that lead out. Whatever it asks, each request gets one reply with its tag, and the file next to
 * the folder stays as it is.
 *
 * Input: requests. One is a byte for the type and length, and operands. A type is not taken from anywhere: the byte
 * picks one that there is, mostly, since what a server does with the others is the same; fids are small numbers, so
 * that they are known.
 *
 * libFuzzer: -detect_leaks=0 -max_len=1000
 * (one folder serves all inputs)
 */
#include "hw/share/share.h"
#include "softmmu/base/bits.h"
#include "tests/device/harness.h"
#include "tests/fuzz/fuzz.h"
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET "secret"
#define TAG 0x1234
#define HEADER 7
#define RLERROR 7
#define NO_FID UINT32_MAX

/* The requests of 9P2000.L, and what they are made of: 1, 2, 4, 8 numbers of so many bytes, f a fid, n none, s a name, d a
 * count of 4 bytes and that many bytes, v the version, w a count of 2 bytes and that many names. */
static const struct {
    uint8_t type;
    const char *operands;
} requests[] = {
    {8, "f"},            /* statfs */
    {12, "f4"},          /* lopen */
    {14, "fs444"},       /* lcreate */
    {16, "fss4"},        /* symlink */
    {18, "fs4444"},      /* mknod */
    {22, "f"},           /* readlink */
    {24, "f8"},          /* getattr */
    {26, "f4444888888"}, /* setattr: valid mode uid gid size atime mtime */
    {30, "ffs"},         /* xattrwalk */
    {32, "fs84"},        /* xattrcreate */
    {40, "f84"},         /* readdir */
    {50, "f4"},          /* fsync */
    {52, "f14884s"},     /* lock */
    {54, "f1884s"},      /* getlock */
    {70, "ffs"},         /* link */
    {72, "fs44"},        /* mkdir */
    {74, "fsfs"},        /* renameat */
    {76, "fs4"},         /* unlinkat */
    {100, "4v"},         /* version */
    {104, "fnss4"},      /* attach */
    {108, "2"},          /* flush */
    {110, "ffw"},        /* walk */
    {116, "f84"},        /* read */
    {118, "f8d"},        /* write */
    {120, "f"},          /* clunk */
    {122, "f"},          /* remove */
    {255, "d"},          /* nothing */
};

static const char *const names[] = {"a", "file", "dir", "out", "up",   ".",      "..",
                                    "",  "/",    "b",   "x/y", "user", "user.x", "security.x"};

typedef struct Share {
    Machine *machine;
    char *outside;
    ShareFolder *folder;
} Share;

static Share share;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return ftw->level ? remove(path) : 0;
}

static char *path_of(const char *name)
{
    return g_build_filename(share.outside, name, NULL);
}

/* Empties the shared folder. */
static void clear(void)
{
    char *top = path_of("top");
    g_assert_cmpint(nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS), ==, 0);
    g_free(top);
}

static void write_file(const char *name, const char *text)
{
    char *path = path_of(name);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_free(path);
}

static void make_link(const char *target, const char *name)
{
    char *path = path_of(name);
    g_assert_cmpint(symlink(target, path), ==, 0);
    g_free(path);
}

/* The folder as it is before each input. */
static void fill(void)
{
    clear();
    write_file("top/file", "text");
    char *dir = path_of("top/dir");
    g_assert_cmpint(mkdir(dir, 0700), ==, 0);
    g_free(dir);
    make_link("../secret", "top/out");
    make_link("..", "top/up");
}

static void clean_up(void)
{
    g_assert_cmpint(nftw(share.outside, remove_one, 16, FTW_DEPTH | FTW_PHYS), ==, 0);
    rmdir(share.outside);
}

static void make_share(void)
{
    GError *error = NULL;
    const char *shared = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir();
    share.outside = g_mkdtemp(g_build_filename(shared, "amphi-fuzz-9p-XXXXXX", NULL));
    g_assert_nonnull(share.outside);
    atexit(clean_up);
    char *top = path_of("top");
    g_assert_cmpint(mkdir(top, 0700), ==, 0);
    write_file("secret", SECRET);
    share.machine = harness_new();
    share.machine->config.fsdevs = g_ptr_array_new();
    char *text = g_strdup_printf("local,id=f0,path=%s,security_model=mapped-xattr", top);
    g_ptr_array_add(share.machine->config.fsdevs, options_parse("-fsdev", text, "fsdriver", NULL));
    share.folder = share_folder_new(share.machine, "f0", &error);
    g_assert_no_error(error);
    g_free(text);
    g_free(top);
}

static void put(GByteArray *out, uint64_t value, unsigned bytes)
{
    g_byte_array_append(out, (const uint8_t *)&value, bytes);
}

static void put_name(GByteArray *out, FuzzInput *in)
{
    unsigned which = fuzz_take(in, 1);
    if (which < 0xf0) {
        const char *name = names[which % ARRAY_SIZE(names)];
        put(out, strlen(name), 2);
        g_byte_array_append(out, (const uint8_t *)name, strlen(name));
    } else {
        unsigned len = fuzz_take(in, 1);
        put(out, which == 0xff ? fuzz_take(in, 2) : len, 2);
        len = MIN(len, in->left);
        g_byte_array_append(out, in->data, len);
        in->data += len;
        in->left -= len;
    }
}

static void put_operand(GByteArray *out, char kind, FuzzInput *in)
{
    switch (kind) {
    case 'f': put(out, fuzz_take(in, 1) % 8, 4); break;
    case 'n': put(out, NO_FID, 4); break;
    case 's': put_name(out, in); break;
    case 'v':
        put(out, 8, 2);
        g_byte_array_append(out, (const uint8_t *)"9P2000.L", 8);
        break;
    case 'w': {
        unsigned count = fuzz_take(in, 1) % 20;
        put(out, count, 2);
        while (count-- && in->left) {
            put_name(out, in);
        }
        break;
    }
    case 'd': {
        unsigned len = fuzz_take(in, 1);
        put(out, len ? len : fuzz_take(in, 4), 4);
        for (; len; len--) {
            put(out, fuzz_take(in, 1), 1);
        }
        break;
    }
    default: put(out, fuzz_take(in, kind - '0'), kind - '0'); break;
    }
}

static GByteArray *make_request(FuzzInput *in)
{
    GByteArray *out = g_byte_array_new();
    unsigned how = fuzz_take(in, 1);
    unsigned which = how % ARRAY_SIZE(requests);
    uint32_t len;
    put(out, 0, 4);
    put(out, requests[which].type == 255 ? fuzz_take(in, 1) : requests[which].type, 1);
    put(out, TAG, 2);
    for (const char *kind = requests[which].operands; *kind; kind++) {
        put_operand(out, *kind, in);
    }
    if (how / ARRAY_SIZE(requests) == 8) { /* cut short */
        g_byte_array_set_size(out, HEADER + fuzz_take(in, 1) % (out->len - HEADER + 1));
    }
    len = how == 255 ? fuzz_take(in, 4) : out->len;
    memcpy(out->data, &len, 4);
    return out;
}

/* Returns the type of the reply. */
static unsigned ask(P9Session *session, const GByteArray *request)
{
    GByteArray *reply = g_byte_array_new();
    uint32_t len;
    uint16_t tag;
    g_assert_true(p9_session_run(session, request->data, request->len, reply));
    g_assert_cmpuint(reply->len, >=, HEADER);
    memcpy(&len, reply->data, 4);
    memcpy(&tag, reply->data + 5, 2);
    g_assert_cmpuint(len, ==, reply->len);
    g_assert_cmpuint(tag, ==, TAG);
    unsigned type = reply->data[4];
    g_byte_array_unref(reply);
    return type;
}

/* So that inputs need not begin with it: version, then the root as fid 0. */
static void attach(P9Session *session)
{
    static const uint8_t version[] = {18, 0, 0, 1, 0};
    static const uint8_t root[] = {19, 0, 7, 7, 0, 0, 0, 0};
    FuzzInput in[] = {{version, sizeof(version)}, {root, sizeof(root)}};
    for (unsigned i = 0; i < ARRAY_SIZE(in); i++) {
        GByteArray *request = make_request(&in[i]);
        g_assert_cmpuint(ask(session, request), !=, RLERROR);
        g_byte_array_unref(request);
    }
}

static void check_secret(void)
{
    char *path = path_of("secret"), *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, SECRET);
    g_free(text);
    g_free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = {data, size};
    if (!share.machine) {
        make_share();
    }
    P9Session *session = p9_session_new(share.folder);
    fill();
    attach(session);
    while (in.left) {
        GByteArray *request = make_request(&in);
        ask(session, request);
        g_byte_array_unref(request);
    }
    p9_session_free(session);
    check_secret();
    return 0;
}

static void make_input(GRand *rand, GByteArray *input)
{
    fuzz_random_bytes(rand, input, g_rand_int_range(rand, 1, 600));
}

FUZZ_MAIN(1500, make_input)
