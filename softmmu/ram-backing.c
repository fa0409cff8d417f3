/*
 * Where guest RAM comes from, and what can be done with a block of it as a whole.
 *
 * A block is a shared mapping of a memfd (or of the user's file), so that other mappings and processes can have the same
 * memory; or anonymous memory of this process, to which the host gives large pages (memory_map_set_private() says when).
 * Either way the host populates a page when it is first touched, and who looks for pages with contents, reads, writes or
 * gives back does not need to know which it is.
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

#define NO_FILE (-1)
#define LARGE_PAGE (2 * MIB)
#define PAGEMAP_WORDS 512
#define LARGE_MIN (32 * MIB) /* of smaller blocks, video memory say, little is used */

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

/* A shared mapping of a file. NULL with errno. */
static uint8_t *map_file(const char *name, uint64_t size, const RamBacking *backing, int *fd)
{
    *fd = open_backing(name, size, backing);
    if (*fd < 0) {
        return NULL;
    }
    uint8_t *host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, *fd, 0);
    if (host == MAP_FAILED) {
        int err = errno;
        close(*fd);
        errno = err;
        return NULL;
    }
    /* Where the host lets shared memory have large pages (shmem_enabled). */
    madvise(host, size, MADV_HUGEPAGE);
    return host;
}

/* Memory of this process alone, not of its children either. Addresses in a large block and in the guest are alike in what is
 * below the size of a large page: KVM wants that to map one. NULL with errno. */
static uint8_t *map_private(uint64_t size, bool prealloc)
{
    uint64_t room = size >= LARGE_MIN ? size + LARGE_PAGE : size;
    uint8_t *start = mmap(NULL, room, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    uint8_t *host = start;
    if (start == MAP_FAILED) {
        return NULL;
    }
    if (room > size) {
        host = (uint8_t *)align_up((uintptr_t)start, LARGE_PAGE);
        if (host > start) {
            munmap(start, host - start);
        }
        munmap(host + size, start + room - (host + size));
    }
    madvise(host, size, room > size ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    madvise(host, size, MADV_DONTFORK);
    if (prealloc && madvise(host, size, MADV_POPULATE_WRITE) != 0) {
        int err = errno;
        munmap(host, size);
        errno = err;
        return NULL;
    }
    return host;
}

RamBlock *ram_block_new(MemoryMap *map, const char *name, uint64_t size, GError **error)
{
    return ram_block_new_backed(map, name, size, NULL, error);
}

RamBlock *ram_block_new_backed(MemoryMap *map, const char *name, uint64_t size,
                               const RamBacking *backing, GError **error)
{
    const char *path = backing && backing->path ? backing->path : "";
    bool private = map->private_ram && !*path && !(backing && backing->share);
    int fd = NO_FILE;
    if (!check_size(map, name, size, error)) {
        return NULL;
    }
    size = align_up(size, RAM_PAGE_SIZE);
    uint8_t *host = private ? map_private(size, backing && backing->prealloc)
                            : map_file(name, size, backing, &fd);
    if (!host) {
        error_set_errno(error, errno, "cannot make %" PRIu64 " MiB of guest memory (%s)%s%s",
                        size / MIB, name, *path ? " from " : "; give the guest less with -m", path);
        return NULL;
    }
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
    if (block->fd != NO_FILE) {
        close(block->fd);
    }
    g_free(block->name);
    g_free(block);
}

void memory_map_set_private(MemoryMap *map)
{
    map->private_ram = true;
}

/*
 * Blocks as a whole.
 */

int ram_block_read(const RamBlock *block, void *buf, size_t len, uint64_t at)
{
    if (block->fd == NO_FILE) {
        memcpy(buf, block->host + at, len);
        return 0;
    }
    errno = EIO;
    return pread(block->fd, buf, len, at) == (ssize_t)len ? 0 : errno;
}

int ram_block_write(const RamBlock *block, const void *buf, size_t len, uint64_t at)
{
    if (block->fd == NO_FILE) {
        memcpy(block->host + at, buf, len);
        return 0;
    }
    errno = EIO;
    return pwrite(block->fd, buf, len, at) == (ssize_t)len ? 0 : errno;
}

void ram_block_discard(const RamBlock *block, uint64_t at, uint64_t len)
{
    bool done =
        block->fd == NO_FILE
            ? madvise(block->host + at, len, MADV_DONTNEED) == 0
            : fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, len) == 0;
    if (!done) { /* it is locked, say, or a file without holes */
        memset(block->host + at, 0, len);
    }
}

/* Linux, Documentation/admin-guide/mm/pagemap.rst: a word for each page of the address space. Reads those of up to PAGEMAP_WORDS
 * pages from @at on; returns how many, 0 if the host does not tell. */
static unsigned read_pagemap(int pagemap, const RamBlock *block, uint64_t at, uint64_t *words)
{
    uint64_t n = MIN((block->size - at) >> RAM_PAGE_BITS, PAGEMAP_WORDS);
    uint64_t first = ((uintptr_t)block->host + at) >> RAM_PAGE_BITS;
    ssize_t got = pread(pagemap, words, n * sizeof(*words), first * sizeof(*words));
    return MAX(got, 0) / sizeof(*words);
}

static bool is_there(uint64_t word)
{
    return word >> 62; /* in memory, or in swap space */
}

static uint64_t next_mapped(const RamBlock *block, uint64_t at)
{
    uint64_t words[PAGEMAP_WORDS];
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    unsigned n = 1, i = 1;
    while (at < block->size && i == n && (n = read_pagemap(pagemap, block, at, words)) > 0) {
        for (i = 0; i < n && !is_there(words[i]); i++) {
        }
        at += (uint64_t)i << RAM_PAGE_BITS;
    }
    if (pagemap >= 0) {
        close(pagemap);
    }
    return at;
}

static uint64_t count_mapped(const RamBlock *block)
{
    uint64_t words[PAGEMAP_WORDS], at = 0, pages = 0;
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    unsigned n;
    while (at < block->size && (n = read_pagemap(pagemap, block, at, words)) > 0) {
        for (unsigned i = 0; i < n; i++) {
            pages += is_there(words[i]);
        }
        at += (uint64_t)n << RAM_PAGE_BITS;
    }
    if (pagemap >= 0) {
        close(pagemap);
    }
    return (pages << RAM_PAGE_BITS) + block->size - at;
}

uint64_t ram_block_next_data(const RamBlock *block, uint64_t at)
{
    if (block->fd == NO_FILE) {
        return next_mapped(block, at);
    }
    off_t data = lseek(block->fd, at, SEEK_DATA);
    if (data < 0) {
        return errno == ENXIO ? block->size : at;
    }
    return data;
}

uint64_t ram_block_populated(const RamBlock *block)
{
    struct stat st;
    if (block->fd == NO_FILE) {
        return count_mapped(block);
    }
    return fstat(block->fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : block->size;
}
