/*
 * The list of images and their copying into guest memory: see loader.h.
 */
#include "hw/loader-internal.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOADER_PAGE UINT64_C(4096)
#define LOADER_CHUNK (UINT64_C(256) * 1024)

/* A file that is mapped to be looked at. What goes to the guest is read anew each time: kept, it would double
 * the memory that a kernel takes, and a mapping of a file that is cut off meanwhile would be a trap. */
typedef struct LoadFile {
    GBytes *map;
    int fd;
} LoadFile;

typedef struct LoadItem {
    char *what;
    uint64_t addr;
    GBytes *data;
    uint64_t mem_size;
    int fd;          /* of the file that @data is a part of; -1: @data is all there is of it */
    uint64_t offset; /* in that file */
} LoadItem;

struct Loader {
    Machine *machine;
    const LoaderArch *arch;
    GArray *items; /* of LoadItem */
    GArray *files; /* of LoadFile */
};

static void item_clear(void *opaque)
{
    LoadItem *item = opaque;
    g_free(item->what);
    g_bytes_unref(item->data);
}

static void file_clear(void *opaque)
{
    LoadFile *file = opaque;
    g_bytes_unref(file->map);
    close(file->fd);
}

Loader *loader_new(Machine *machine, const LoaderArch *arch)
{
    Loader *loader = g_new0(Loader, 1);
    loader->machine = machine;
    loader->arch = arch;
    loader->items = g_array_new(false, false, sizeof(LoadItem));
    g_array_set_clear_func(loader->items, item_clear);
    loader->files = g_array_new(false, false, sizeof(LoadFile));
    g_array_set_clear_func(loader->files, file_clear);
    return loader;
}

void loader_free(Loader *loader)
{
    if (loader) {
        g_array_unref(loader->items);
        g_array_unref(loader->files);
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

/* Finds the file that @item's data is a part of. */
static void find_file(const Loader *loader, LoadItem *item)
{
    size_t len, file_len;
    const uint8_t *data = g_bytes_get_data(item->data, &len);
    item->fd = -1;
    for (unsigned i = 0; i < loader->files->len; i++) {
        const LoadFile *file = &g_array_index(loader->files, LoadFile, i);
        const uint8_t *start = g_bytes_get_data(file->map, &file_len);
        if (data >= start && data - start + len <= file_len) {
            item->fd = file->fd;
            item->offset = data - start;
        }
    }
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
    LoadItem item = {g_strdup(what), addr, g_bytes_ref(data), mem_size, -1, 0};
    find_file(loader, &item);
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
            item->fd = -1;
            g_bytes_unref(old);
        }
    }
}

/* Writes to RAM like a device, so that translations of code there are dropped; to ROM and flash behind
 * the guest's back. Skips devices, such as HTIF inside of a program's data. @data NULL: zeros. */
static void copy_in(Machine *machine, uint64_t addr, const uint8_t *data, uint64_t len)
{
    while (len) {
        MemoryHit hit;
        if (!memory_map_find(machine->memory, addr, &hit) || !hit.avail) {
            return;
        }
        uint64_t step = MIN(len, hit.avail);
        if (hit.host && hit.readonly && data) {
            memcpy(hit.host, data, step);
        } else if (hit.host && hit.readonly) {
            memset(hit.host, 0, step);
        } else if (hit.host && data) {
            dma_write(&machine->dma, addr, data, step);
        } else if (hit.host) {
            dma_clear(&machine->dma, addr, step);
        }
        addr += step;
        if (data) {
            data += step;
        }
        len -= step;
    }
}

/* Copies @len bytes in, page by page: a page of zeros is not written but cleared. */
static void copy_in_pages(Machine *machine, uint64_t addr, const uint8_t *data, uint64_t len)
{
    static const uint8_t zeros[LOADER_PAGE];
    uint64_t at = 0;
    while (at < len) {
        uint64_t end = at;
        bool zero = false;
        while (end < len) { /* a run of one kind */
            uint64_t step = MIN(LOADER_PAGE - (addr + end) % LOADER_PAGE, len - end);
            bool is_zero = !memcmp(data + end, zeros, step);
            if (end > at && is_zero != zero) {
                break;
            }
            zero = is_zero;
            end += step;
        }
        copy_in(machine, addr + at, zero ? NULL : data + at, end - at);
        at = end;
    }
}

/* As much as there is of the item's part of its file. Returns the bytes. */
static uint64_t copy_file_in(Machine *machine, const LoadItem *item, uint64_t len)
{
    uint8_t *buf = g_malloc(LOADER_CHUNK);
    uint64_t at = 0;
    while (at < len) {
        /* Up to an address that is a multiple of a chunk. */
        uint64_t want = MIN(len - at, LOADER_CHUNK - (item->addr + at) % LOADER_CHUNK);
        ssize_t got = pread(item->fd, buf, want, item->offset + at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            g_printerr("amphi: %s: the file is shorter now than when amphi started; the guest "
                       "gets zeros in place of its end\n",
                       item->what);
            break;
        }
        copy_in_pages(machine, item->addr + at, buf, got);
        at += got;
    }
    g_free(buf);
    return at;
}

void loader_reset(Loader *loader)
{
    for (unsigned i = 0; i < loader->items->len; i++) {
        LoadItem *item = &g_array_index(loader->items, LoadItem, i);
        size_t len;
        const uint8_t *data = g_bytes_get_data(item->data, &len);
        if (item->fd >= 0) {
            len = copy_file_in(loader->machine, item, len);
        } else {
            copy_in_pages(loader->machine, item->addr, data, len);
        }
        copy_in(loader->machine, item->addr + len, NULL, item->mem_size - len);
    }
}

/* For g_bytes_new_with_free_func(). */
typedef struct Mapping {
    void *start;
    size_t len;
} Mapping;

static void mapping_free(void *opaque)
{
    Mapping *mapping = opaque;
    munmap(mapping->start, mapping->len);
    g_free(mapping);
}

/* The file as mapped; NULL with errno set. */
static GBytes *map_file(int fd, size_t len)
{
    void *start = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (start == MAP_FAILED) {
        return NULL;
    }
    Mapping *mapping = g_new(Mapping, 1);
    *mapping = (Mapping){start, len};
    return g_bytes_new_with_free_func(start, len, mapping_free, mapping);
}

static GBytes *check_and_map(const char *what, const char *path, uint64_t max, int fd,
                             GError **error)
{
    struct stat st;
    GBytes *data = NULL;
    if (fstat(fd, &st) < 0) {
        error_set_errno(error, errno, "cannot open %s '%s'", what, path);
    } else if (S_ISDIR(st.st_mode)) {
        error_set(error, "%s '%s' is a directory; give the name of a file", what, path);
    } else if (!S_ISREG(st.st_mode)) {
        error_set(error, "%s '%s' is not a regular file", what, path);
    } else if (st.st_size == 0) {
        error_set(error, "%s '%s' is empty", what, path);
    } else if ((uint64_t)st.st_size > max) {
        error_set(error, "%s '%s' is too large: the limit is %" PRIu64 " MiB", what, path,
                  max / MIB);
    } else {
        data = map_file(fd, st.st_size);
        if (!data) {
            error_set_errno(error, errno, "cannot read %s '%s'", what, path);
        }
    }
    return data;
}

GBytes *loader_read_file(Loader *loader, const char *what, const char *path, uint64_t max,
                         GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        error_set_errno(error, errno, "cannot open %s '%s'", what, path);
        return NULL;
    }
    GBytes *data = check_and_map(what, path, max, fd, error);
    if (data && loader) {
        LoadFile file = {g_bytes_ref(data), fd};
        g_array_append_val(loader->files, file);
    } else {
        close(fd);
    }
    return data;
}
