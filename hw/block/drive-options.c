/*
 * The options of -drive. See drive-options.h.
 *
 * Names are QEMU's. What has no effect here is accepted where leaving it out changes nothing that a guest or a
 * user could tell; everything else is refused by name. Locking: the machine lock.
 */
#include "hw/block/drive-options.h"
#include "softmmu/base/error.h"
#include <string.h>

/* ---- Words ---- */

typedef struct Word {
    const char *name;
    int value;
} Word;

/* The value of one of @words (ends with NULL) in option @key, if that is there. */
static bool get_word(Options *opts, const char *key, const Word *words, int *value, GError **error)
{
    const char *text = options_get(opts, key, NULL);
    const char *names[16] = {NULL};
    const char *near;

    for (unsigned i = 0; text && words[i].name; i++) {
        names[i] = words[i].name;
        if (strcmp(text, words[i].name) == 0) {
            *value = words[i].value;
            return true;
        }
    }
    if (!text) {
        return true;
    }
    near = error_nearest(text, names);
    return error_set(error, "-drive: %s= cannot be '%s'; did you mean '%s'?", key, text,
                     near ? near : words[0].name);
}

/* The same of a boolean that has another name, too. */
static bool get_bool(Options *opts, const char *key, const char *other, bool *value, GError **error)
{
    return options_get_bool(opts, key, value, error) &&
           (!other || options_get_bool(opts, other, value, error));
}

/* ---- Caching ---- */

enum { CACHE_THROUGH = 1, CACHE_DIRECT = 2, CACHE_UNSAFE = 4 };

static const Word caches[] = {
    {"writeback", 0},
    {"none", CACHE_DIRECT},
    {"off", CACHE_DIRECT},
    {"writethrough", CACHE_THROUGH},
    {"directsync", CACHE_THROUGH | CACHE_DIRECT},
    {"unsafe", CACHE_UNSAFE},
    {NULL, 0},
};

static bool parse_cache(Options *opts, BlockOpen *how, GError **error)
{
    int cache = 0;
    bool write_back;

    if (!get_word(opts, "cache", caches, &cache, error)) {
        return false;
    }
    write_back = !(cache & CACHE_THROUGH);
    how->image.direct = cache & CACHE_DIRECT;
    how->image.ignore_flush = cache & CACHE_UNSAFE;
    if (!get_bool(opts, "cache.direct", "file.cache.direct", &how->image.direct, error) ||
        !get_bool(opts, "cache.no-flush", "file.cache.no-flush", &how->image.ignore_flush, error) ||
        !get_bool(opts, "cache.writeback", NULL, &write_back, error)) {
        return false;
    }
    how->write_through = !write_back;
    return true;
}

enum { AIO_NATIVE = BLOCK_AIO_THREADS + 1 };

static const Word aios[] = {
    {"io_uring", BLOCK_AIO_URING},
    {"threads", BLOCK_AIO_THREADS},
    {"native", AIO_NATIVE},
    {NULL, 0},
};

/* "native" is the kernel's older interface; the newer one takes its place, where there is one. */
static bool parse_aio(Options *opts, BlockOpen *how, GError **error)
{
    int aio = BLOCK_AIO_AUTO;

    if (!get_word(opts, "aio", aios, &aio, error) ||
        !get_word(opts, "file.aio", aios, &aio, error)) {
        return false;
    }
    if (aio == AIO_NATIVE && !how->image.direct) {
        return error_set(error, "-drive: aio=native needs cache=none or cache=directsync");
    }
    how->aio = aio == AIO_NATIVE ? BLOCK_AIO_AUTO : (BlockAio)aio;
    return true;
}

/* ---- Errors, discarding, zeroes ---- */

static const Word error_actions[] = {
    {"report", BLOCK_REPORT},
    {"ignore", BLOCK_IGNORE},
    {"stop", BLOCK_STOP},
    {"enospc", BLOCK_ENOSPC},
    {NULL, 0},
};

static const Word discards[] = {{"unmap", 1}, {"on", 1}, {"ignore", 0}, {"off", 0}, {NULL, 0}};

enum { DETECT = 1, DETECT_UNMAP = 2 };
static const Word detections[] = {{"off", 0},
                                  {"on", DETECT},
                                  {"unmap", DETECT | DETECT_UNMAP},
                                  {NULL, 0}};

static bool parse_behaviour(Options *opts, BlockOpen *how, GError **error)
{
    int read_error = BLOCK_REPORT, write_error = BLOCK_ENOSPC, discard = 0, detect = 0;

    if (!get_word(opts, "rerror", error_actions, &read_error, error) ||
        !get_word(opts, "werror", error_actions, &write_error, error) ||
        !get_word(opts, "discard", discards, &discard, error) ||
        !get_word(opts, "file.discard", discards, &discard, error) ||
        !get_word(opts, "detect-zeroes", detections, &detect, error)) {
        return false;
    }
    if (read_error == BLOCK_ENOSPC) {
        return error_set(error, "-drive: rerror= cannot be 'enospc', which is about writing; use "
                                "report, stop or ignore");
    }
    if ((detect & DETECT_UNMAP) && !discard) {
        return error_set(error, "-drive: detect-zeroes=unmap needs discard=unmap");
    }
    how->on_read_error = read_error;
    how->on_write_error = write_error;
    how->discard = discard;
    how->detect_zeroes = detect & DETECT;
    how->detect_unmap = detect & DETECT_UNMAP;
    return true;
}

/* ---- Which files ---- */

static const Word lockings[] = {{"on", 1}, {"off", 0}, {"auto", 1}, {NULL, 0}};

/* All values of allow-path=. */
static const char *const *collect_allowed(Options *opts)
{
    GPtrArray *paths = g_ptr_array_new();
    const char *key, *value;

    options_mark_used(opts, "allow-path");
    for (unsigned i = 0; options_nth(opts, i, &key, &value); i++) {
        if (strcmp(key, "allow-path") == 0) {
            g_ptr_array_add(paths, (char *)value);
        }
    }
    g_ptr_array_add(paths, NULL);
    return (const char *const *)g_ptr_array_free(paths, false);
}

/* One option of several names. */
static const char *get_any(Options *opts, const char *const *names)
{
    const char *value = NULL;

    for (; *names; names++) {
        value = options_get(opts, *names, value);
    }
    return value;
}

#define ANY(opts, ...) get_any(opts, (const char *const[]){__VA_ARGS__, NULL})

static bool parse_files(Options *opts, BlockOpen *how, GError **error)
{
    static const char *const protocols[] = {"file", "host_device", NULL};
    ImageOpen *image = &how->image;
    const char *protocol = options_get(opts, "file.driver", "file");
    int locking = 1;

    image->path = ANY(opts, "file", "file.filename", "filename");
    image->format = ANY(opts, "format", "driver");
    image->data_file = ANY(opts, "data-file", "data-file.filename", "data-file.file.filename");
    options_mark_used(opts, "data-file.driver");
    image->backing = ANY(opts, "backing", "backing.filename", "backing.file.filename");
    image->backing_format = ANY(opts, "backing.driver");
    options_mark_used(opts, "backing.file.driver");
    image->lazy_refcounts_set = options_get(opts, "lazy-refcounts", NULL) != NULL;
    if (!g_strv_contains(protocols, protocol)) {
        return error_set(error,
                         "-drive: disks reached by '%s' are not supported; use a file or a "
                         "block device",
                         protocol);
    }
    if (!options_get_bool(opts, "lazy-refcounts", &image->lazy_refcounts, error) ||
        !get_word(opts, "locking", lockings, &locking, error) ||
        !get_word(opts, "file.locking", lockings, &locking, error)) {
        return false;
    }
    image->no_locking = !locking;
    if (image->format && g_strv_contains(protocols, image->format)) {
        image->format = "raw";
    }
    if (!image->path || !*image->path) {
        return !options_misspelt(opts, "file", error) && error_set(error, "-drive needs file=PATH");
    }
    return true;
}

static bool parse_access(Options *opts, BlockOpen *how, GError **error)
{
    const char *media = options_get(opts, "media", "disk");
    bool automatic = false, copy_on_read = false;

    how->image.read_only = strcmp(media, "cdrom") == 0;
    if (!get_bool(opts, "readonly", "read-only", &how->image.read_only, error) ||
        !get_bool(opts, "snapshot", NULL, &how->snapshot, error) ||
        !get_bool(opts, "auto-read-only", "file.auto-read-only", &automatic, error) ||
        !get_bool(opts, "copy-on-read", NULL, &copy_on_read, error)) {
        return false;
    }
    if (strcmp(media, "disk") != 0 && strcmp(media, "cdrom") != 0) {
        return error_set(error, "-drive: media= must be disk or cdrom, not '%s'", media);
    }
    return !copy_on_read || error_set(error, "-drive: copy-on-read=on is not supported; leave it "
                                             "out, or copy the image with `qemu-img convert`");
}

/* Limits are not supported; zero is none. */
static bool check_throttling(Options *opts, GError **error)
{
    static const char *const prefixes[] = {"throttling.", "bps", "iops", NULL};
    const char *key, *value;

    for (unsigned i = 0; options_nth(opts, i, &key, &value); i++) {
        for (unsigned n = 0; prefixes[n]; n++) {
            if (!g_str_has_prefix(key, prefixes[n])) {
                continue;
            }
            if (strcmp(value, "0") != 0) {
                return error_set(error,
                                 "-drive: limits of speed (%s=) are not supported; limit "
                                 "the process instead, as with `systemd-run -p "
                                 "IOWriteBandwidthMax=`",
                                 key);
            }
            options_mark_used(opts, key);
        }
    }
    return true;
}

bool drive_parse_options(Options *opts, BlockOpen *how, GError **error)
{
    /* About the device, or without effect on what the guest sees: sizes of caches, checks that are always
     * done, names. */
    static const char *const ignored[] = {
        "bus",
        "unit",
        "index",
        "serial",
        "if",
        "id",
        "cache-size",
        "l2-cache-size",
        "l2-cache-entry-size",
        "refcount-cache-size",
        "cache-clean-interval",
        "overlap-check",
        "pass-discard-request",
        "pass-discard-snapshot",
        "pass-discard-other",
        "file.node-name",
        "group",
        "aio-max-batch",
        "stats-account-invalid",
        "stats-account-failed",
    };

    for (size_t i = 0; i < ARRAY_SIZE(ignored); i++) {
        options_mark_used(opts, ignored[i]);
    }
    how->node = options_get(opts, "node-name", NULL);
    if (!parse_files(opts, how, error) || !parse_access(opts, how, error) ||
        !parse_cache(opts, how, error) || !parse_aio(opts, how, error) ||
        !parse_behaviour(opts, how, error) || !check_throttling(opts, error)) {
        return false;
    }
    how->image.allowed = collect_allowed(opts);
    if (!options_check_unused(opts, error)) {
        g_free((void *)how->image.allowed);
        how->image.allowed = NULL;
        return false;
    }
    return true;
}
