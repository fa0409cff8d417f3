/*
 * Guest RAM: shared mappings of memfds, so that other mappings (or processes) can have the same memory
 * later; the host populates a page when it is first touched.
 *
 * RAM is shared with running vCPUs: scalars are accessed in one piece, and nobody relies on two reads giving
 * the same value.
 */
#include "softmmu/base/error.h"
#include "softmmu/memory-internal.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* What the host could ever back, in bytes: its memory and swap. */
static uint64_t host_limit(void)
{
    struct sysinfo info;
    if (sysinfo(&info) != 0) {
        return UINT64_MAX;
    }
    return ((uint64_t)info.totalram + info.totalswap) * info.mem_unit;
}

/* Whether the host could back @size bytes beside the blocks that are there. */
static bool check_host_memory(MemoryMap *map, const char *name, uint64_t size, GError **error)
{
    uint64_t limit = host_limit(), used = 0;
    for (unsigned i = 0; i < map->blocks->len; i++) {
        used += ((RamBlock *)map->blocks->pdata[i])->size;
    }
    if (used > limit || size > limit - used) {
        return error_set(error,
                         "%" PRIu64 " MiB of guest memory (%s) are more than this host's memory "
                         "and swap, %" PRIu64 " MiB; give the guest less with -m",
                         size / MIB, name, limit / MIB);
    }
    return true;
}

static int open_anonymous(const char *name)
{
    char *label = g_strdup_printf("amphi-%s", name);
    int fd = memfd_create(label, MFD_CLOEXEC);
    g_free(label);
    return fd;
}

/* Copies the file @path, as far as there is one, to the start of @fd. */
static bool copy_contents(const char *path, int fd)
{
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return errno == ENOENT;
    }
    ssize_t n = 1;
    while (n > 0) {
        n = sendfile(fd, from, NULL, 1 << 30);
    }
    close(from);
    return n == 0;
}

/* A file of at least @size bytes as @backing wants it; -1 with errno. */
static int open_backing(const char *name, uint64_t size, const RamBacking *backing)
{
    const char *path = backing ? backing->path : NULL;
    struct stat st;
    int fd;
    if (path && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        fd = open(path, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    } else if (path && backing->share) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    } else {
        fd = open_anonymous(name);
        if (fd >= 0 && path && !copy_contents(path, fd)) {
            close(fd);
            return -1;
        }
    }
    if (fd < 0 || fstat(fd, &st) != 0) {
        return -1;
    }
    int err = (uint64_t)st.st_size < size && ftruncate(fd, size) != 0 ? errno : 0;
    if (!err && backing && backing->prealloc) {
        err = posix_fallocate(fd, 0, size);
    }
    if (err) {
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

static bool check_size(MemoryMap *map, const char *name, uint64_t size, GError **error)
{
    if (size == 0 || size > (UINT64_C(1) << 48)) {
        return error_set(error, "guest memory '%s' cannot have a size of %" PRIu64 " bytes", name,
                         size);
    }
    if (!check_host_memory(map, name, align_up(size, RAM_PAGE_SIZE), error)) {
        return false;
    }
    if (align_up(size, RAM_PAGE_SIZE) >> RAM_PAGE_BITS > MEMORY_MAX_PAGES - map->next_page) {
        return error_set(error,
                         "%" PRIu64 " MiB of guest memory (%s) are more than the %" PRIu64
                         " MiB that a machine can have; give the guest less with -m",
                         size / MIB, name, (MEMORY_MAX_PAGES << RAM_PAGE_BITS) / MIB);
    }
    return true;
}

RamBlock *ram_block_new(MemoryMap *map, const char *name, uint64_t size, GError **error)
{
    return ram_block_new_backed(map, name, size, NULL, error);
}

RamBlock *ram_block_new_backed(MemoryMap *map, const char *name, uint64_t size,
                               const RamBacking *backing, GError **error)
{
    const char *path = backing && backing->path ? backing->path : "";
    if (!check_size(map, name, size, error)) {
        return NULL;
    }
    size = align_up(size, RAM_PAGE_SIZE);
    int fd = open_backing(name, size, backing);
    if (fd < 0) {
        error_set_errno(error, errno, "cannot make %" PRIu64 " MiB of guest memory (%s)%s%s",
                        size / MIB, name, *path ? " from " : "", path);
        return NULL;
    }
    uint8_t *host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (host == MAP_FAILED) {
        error_set_errno(error, errno,
                        "cannot map %" PRIu64 " MiB of guest memory (%s); give the guest "
                        "less with -m",
                        size / MIB, name);
        close(fd);
        return NULL;
    }
    /* Fewer faults of a guest under KVM, where the host lets shared memory have large pages (shmem_enabled). */
    madvise(host, size, MADV_HUGEPAGE);
    RamBlock *block = g_new0(RamBlock, 1);
    *block = (RamBlock){g_strdup(name), fd, size, host, 0};
    g_mutex_lock(&map->change);
    block->index = map->next_page;
    map->next_page += size >> RAM_PAGE_BITS;
    g_ptr_array_add(map->blocks, block);
    g_mutex_unlock(&map->change);
    return block;
}

void ram_block_free(RamBlock *block)
{
    munmap(block->host, block->size);
    close(block->fd);
    g_free(block->name);
    g_free(block);
}

uint64_t ram_load(const uint8_t *host, unsigned size)
{
    if ((uintptr_t)host & (size - 1)) {
        uint64_t value = 0;
        memcpy(&value, host, MIN(size, 8));
        return value;
    }
    switch (size) {
    case 1: return __atomic_load_n(host, __ATOMIC_RELAXED);
    case 2: return __atomic_load_n((const uint16_t *)host, __ATOMIC_RELAXED);
    case 4: return __atomic_load_n((const uint32_t *)host, __ATOMIC_RELAXED);
    default: return __atomic_load_n((const uint64_t *)host, __ATOMIC_RELAXED);
    }
}

void ram_store(uint8_t *host, uint64_t value, unsigned size)
{
    if ((uintptr_t)host & (size - 1)) {
        memcpy(host, &value, MIN(size, 8));
        return;
    }
    switch (size) {
    case 1: __atomic_store_n(host, value, __ATOMIC_RELAXED); break;
    case 2: __atomic_store_n((uint16_t *)host, value, __ATOMIC_RELAXED); break;
    case 4: __atomic_store_n((uint32_t *)host, value, __ATOMIC_RELAXED); break;
    default: __atomic_store_n((uint64_t *)host, value, __ATOMIC_RELAXED); break;
    }
}

static RamBlock *block_of_page(const MemoryMap *map, uint64_t ram_page)
{
    for (unsigned i = 0; i < map->blocks->len; i++) {
        RamBlock *block = map->blocks->pdata[i];
        if (ram_page - block->index < block->size >> RAM_PAGE_BITS) {
            return block;
        }
    }
    return NULL;
}

void ram_clear(MemoryMap *map, uint64_t ram_page, uint8_t *host, uint64_t len)
{
    const RamBlock *block = block_of_page(map, ram_page);
    uint64_t from = host - block->host, to = from + len;
    uint64_t hole = align_up(from, RAM_PAGE_SIZE), hole_end = align_down(to, RAM_PAGE_SIZE);

    if (hole < hole_end && fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, hole,
                                     hole_end - hole) == 0) {
        memset(host, 0, hole - from);
        memset(block->host + hole_end, 0, to - hole_end);
    } else {
        memset(host, 0, len);
    }
}

/* Each side announces itself before it looks for the other. */
void memory_writes_begin(MemoryMap *map)
{
    __atomic_fetch_add(&map->writers, 1, __ATOMIC_SEQ_CST);
    while (unlikely(__atomic_load_n(&map->giving_back, __ATOMIC_SEQ_CST))) {
        __atomic_fetch_sub(&map->writers, 1, __ATOMIC_SEQ_CST);
        g_usleep(20);
        __atomic_fetch_add(&map->writers, 1, __ATOMIC_SEQ_CST);
    }
}

void memory_writes_end(MemoryMap *map)
{
    __atomic_fetch_sub(&map->writers, 1, __ATOMIC_SEQ_CST);
}

static bool is_zero_page(const uint8_t *page)
{
    static const uint8_t zeros[RAM_PAGE_SIZE];

    return !memcmp(page, zeros, RAM_PAGE_SIZE);
}

/* Makes pages [first, end) of @block a hole. */
static void punch(const RamBlock *block, uint64_t first, uint64_t end)
{
    if (first < end) {
        fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first << RAM_PAGE_BITS,
                  (end - first) << RAM_PAGE_BITS);
    }
}

unsigned memory_give_back_zeros(MemoryMap *map, const uint32_t *ram_pages, unsigned n)
{
    const RamBlock *block = NULL;
    uint64_t first = 0, end = 0; /* a run of pages in @block */
    unsigned given = 0;

    __atomic_store_n(&map->giving_back, true, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < n && !__atomic_load_n(&map->writers, __ATOMIC_SEQ_CST); i++) {
        const RamBlock *its = block_of_page(map, ram_pages[i]);
        uint64_t page = ram_pages[i] - its->index;
        if (!is_zero_page(its->host + (page << RAM_PAGE_BITS))) {
            continue;
        }
        given++;
        if (its == block && page == end) {
            end++;
            continue;
        }
        punch(block, first, end);
        block = its;
        first = page;
        end = page + 1;
    }
    punch(block, first, end);
    __atomic_store_n(&map->giving_back, false, __ATOMIC_SEQ_CST);
    return given;
}

void ram_block_written(MemoryMap *map, const RamBlock *block, uint64_t offset, uint64_t len)
{
    ram_written(map, block->index + (offset >> RAM_PAGE_BITS), offset & (RAM_PAGE_SIZE - 1), len);
}

void ram_written(MemoryMap *map, uint64_t ram_page, uint64_t first, uint64_t len)
{
    while (map->code_hook && len) {
        uint64_t n = MIN(len, RAM_PAGE_SIZE - first);
        map->code_hook(map->code_opaque, ram_page, first, n);
        len -= n;
        first = 0;
        ram_page++;
    }
}
