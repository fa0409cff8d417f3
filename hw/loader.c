/*
 * The list of images and their copying into guest memory: see loader.h.
 */
#include "hw/loader-internal.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct LoadItem {
    char *what;
    uint64_t addr;
    GBytes *data;
    uint64_t mem_size;
} LoadItem;

struct Loader {
    Machine *machine;
    const LoaderArch *arch;
    GArray *items; /* of LoadItem */
};

static void item_clear(void *opaque)
{
    LoadItem *item = opaque;
    g_free(item->what);
    g_bytes_unref(item->data);
}

Loader *loader_new(Machine *machine, const LoaderArch *arch)
{
    Loader *loader = g_new0(Loader, 1);
    loader->machine = machine;
    loader->arch = arch;
    loader->items = g_array_new(false, false, sizeof(LoadItem));
    g_array_set_clear_func(loader->items, item_clear);
    return loader;
}

void loader_free(Loader *loader)
{
    if (loader) {
        g_array_unref(loader->items);
        g_free(loader);
    }
}

const LoaderArch *loader_arch(const Loader *loader)
{
    return loader->arch;
}

uint64_t loader_max_size(const Loader *loader)
{
    return loader->machine->ram->size;
}

bool loader_is_memory(const Loader *loader, uint64_t addr)
{
    MemoryHit hit;
    return memory_map_find(loader->machine->memory, addr, &hit) && hit.host;
}

uint64_t loader_peek(GBytes *data, uint64_t offset, unsigned size)
{
    size_t len;
    const uint8_t *p = g_bytes_get_data(data, &len);
    uint64_t value = 0;
    if (offset > len || len - offset < size) {
        return 0;
    }
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)p[offset + i] << (8 * i);
    }
    return value;
}

/* The first image that [addr, addr + size) overlaps, other than those of @except; NULL: none. */
static LoadItem *find_overlap(Loader *loader, uint64_t addr, uint64_t size, const char *except)
{
    for (unsigned i = 0; i < loader->items->len; i++) {
        LoadItem *item = &g_array_index(loader->items, LoadItem, i);
        if (addr < item->addr + item->mem_size && item->addr < addr + size &&
            !(except && !strcmp(except, item->what))) {
            return item;
        }
    }
    return NULL;
}

bool loader_range_free(Loader *loader, uint64_t addr, uint64_t size)
{
    return !find_overlap(loader, addr, size, NULL);
}

/* Whether [addr, addr + size) is all memory. */
static bool range_is_memory(Loader *loader, uint64_t addr, uint64_t size)
{
    if (addr + size < addr) {
        return false;
    }
    while (size) {
        MemoryHit hit;
        if (!memory_map_find(loader->machine->memory, addr, &hit) || !hit.host || !hit.avail) {
            return false;
        }
        uint64_t step = MIN(size, hit.avail);
        addr += step;
        size -= step;
    }
    return true;
}

bool loader_add(Loader *loader, const char *what, uint64_t addr, GBytes *data, uint64_t mem_size,
                GError **error)
{
    mem_size = MAX(mem_size, g_bytes_get_size(data));
    if (!range_is_memory(loader, addr, mem_size)) {
        return error_set(error,
                         "%s: no memory at 0x%" PRIx64 " for %" PRIu64 " bytes (RAM: %" PRIu64
                         " MiB); give more with -m, or check the address",
                         what, addr, mem_size, loader->machine->ram->size / MIB);
    }
    LoadItem *other = find_overlap(loader, addr, mem_size, what);
    if (other) {
        return error_set(error,
                         "%s at 0x%" PRIx64 "..0x%" PRIx64 " overlaps %s at 0x%" PRIx64
                         "..0x%" PRIx64 "; give more RAM with -m, or smaller files",
                         what, addr, addr + mem_size, other->what, other->addr,
                         other->addr + other->mem_size);
    }
    LoadItem item = {g_strdup(what), addr, g_bytes_ref(data), mem_size};
    g_array_append_val(loader->items, item);
    return true;
}

bool loader_add_program(Loader *loader, const char *what, const char *path, GBytes *file,
                        uint64_t addr, LoadedImage *image, GError **error)
{
    ImageName name = {what, path};
    GBytes *data = loader_unpack(loader, name, file, error);
    if (!data) {
        return false;
    }
    bool ok;
    *image = (LoadedImage){0};
    if (loader_peek(data, 0, 4) == 0x464c457f) {
        ok = loader_add_elf(loader, name, data, image, error);
    } else {
        uint64_t mem_size = loader_image_mem_size(data);
        *image = (LoadedImage){.entry = addr, .low = addr, .high = addr + mem_size};
        ok = loader_add(loader, what, addr, data, mem_size, error);
    }
    g_bytes_unref(data);
    return ok;
}

void loader_transform(Loader *loader, const char *what, GBytes *(*fn)(GBytes *data))
{
    for (unsigned i = 0; i < loader->items->len; i++) {
        LoadItem *item = &g_array_index(loader->items, LoadItem, i);
        if (!strcmp(item->what, what)) {
            GBytes *old = item->data;
            item->data = fn(old);
            g_bytes_unref(old);
        }
    }
}

/* Writes to RAM like a device, so that translations of code there are dropped; to ROM and flash behind
 * the guest's back. Skips devices, such as HTIF inside of a program's data. */
static void copy_in(Machine *machine, uint64_t addr, const uint8_t *data, uint64_t len)
{
    while (len) {
        MemoryHit hit;
        if (!memory_map_find(machine->memory, addr, &hit) || !hit.avail) {
            return;
        }
        uint64_t step = MIN(len, hit.avail);
        if (hit.host && hit.readonly) {
            memcpy(hit.host, data, step);
        } else if (hit.host) {
            dma_write(&machine->dma, addr, data, step);
        }
        addr += step;
        data += step;
        len -= step;
    }
}

void loader_reset(Loader *loader)
{
    static const uint8_t zeros[65536];
    for (unsigned i = 0; i < loader->items->len; i++) {
        LoadItem *item = &g_array_index(loader->items, LoadItem, i);
        size_t len;
        const uint8_t *data = g_bytes_get_data(item->data, &len);
        copy_in(loader->machine, item->addr, data, len);
        for (uint64_t at = len; at < item->mem_size; at += sizeof(zeros)) {
            copy_in(loader->machine, item->addr + at, zeros,
                    MIN(sizeof(zeros), item->mem_size - at));
        }
    }
}

/* Reads @fd to its end, or to one byte more than @max. False with errno set. */
static bool read_all(int fd, uint64_t max, GByteArray *out)
{
    for (;;) {
        size_t chunk = MIN(max + 1 - out->len, 4 * MIB);
        if (!chunk) {
            return true;
        }
        unsigned old = out->len;
        g_byte_array_set_size(out, old + chunk);
        ssize_t got = read(fd, out->data + old, chunk);
        g_byte_array_set_size(out, old + MAX(got, 0));
        if (got == 0) {
            return true;
        }
        if (got < 0 && errno != EINTR) {
            return false;
        }
    }
}

GBytes *loader_read_file(const char *what, const char *path, uint64_t max, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        error_set_errno(error, errno, "cannot open %s '%s'", what, path);
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    GByteArray *data = g_byte_array_new();
    max = MIN(max, G_MAXUINT32 / 2); /* bound of GByteArray */
    bool ok = false;
    if (S_ISDIR(st.st_mode)) {
        error_set(error, "%s '%s' is a directory; give the name of a file", what, path);
    } else if (!S_ISREG(st.st_mode)) {
        error_set(error, "%s '%s' is not a regular file", what, path);
    } else if (!read_all(fd, max, data)) {
        error_set_errno(error, errno, "cannot read %s '%s'", what, path);
    } else if (data->len == 0) {
        error_set(error, "%s '%s' is empty", what, path);
    } else if (data->len > max) {
        error_set(error, "%s '%s' is too large: the limit is %" PRIu64 " MiB", what, path,
                  max / MIB);
    } else {
        ok = true;
    }
    close(fd);
    if (!ok) {
        g_byte_array_unref(data);
        return NULL;
    }
    return g_byte_array_free_to_bytes(data);
}
