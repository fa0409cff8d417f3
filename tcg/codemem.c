/*
 * Code memory. Two views of one memfd keep the rule that nothing is writable and executable at once
 * (some hosts enforce it) without a system call around each patch of a jump. The executable view is
 * put close to the program's own text, so that translated code calls helpers with a plain `call`.
 */
#include "tcg/codemem.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define NEAR_STEP (UINT64_C(32) << 20)
#define NEAR_REACH (UINT64_C(1) << 30)

/* Tries places below and above @near, nearest first. */
static uint8_t *map_exec_near(int fd, size_t size, uintptr_t near)
{
    for (uint64_t distance = NEAR_STEP; distance + size < NEAR_REACH; distance += NEAR_STEP) {
        for (int side = 0; side < 2; side++) {
            uintptr_t at = align_down(side ? near - distance - size : near + distance, 1u << 21);
            void *p;

            if (at > near + NEAR_REACH) {
                continue; /* wrapped */
            }
            p = mmap((void *)at, size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, fd,
                     0);
            if (p == (void *)at) {
                return p;
            }
            if (p != MAP_FAILED) {
                munmap(p, size); /* a kernel that does not know the flag */
            } else if (errno != EEXIST) {
                return MAP_FAILED;
            }
        }
    }
    return mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
}

bool codemem_init(CodeMem *mem, size_t size, const void *near, GError **error)
{
    void *write, *exec;
    int fd;

    size = align_up(size, sysconf(_SC_PAGESIZE));
    fd = memfd_create("amphi-code", MFD_CLOEXEC);
    if (fd < 0) {
        return error_set_errno(error, errno,
                               "cannot make memory for translated code; "
                               "use -accel interp");
    }
    if (ftruncate(fd, size) < 0) {
        error_set_errno(error, errno,
                        "cannot get %zu MiB for translated code; "
                        "use a smaller tb-size",
                        (size_t)(size / MIB));
        close(fd);
        return false;
    }
    write = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    exec = write == MAP_FAILED ? MAP_FAILED : map_exec_near(fd, size, (uintptr_t)near);
    if (exec == MAP_FAILED) {
        error_set_errno(error, errno,
                        "this host does not give executable memory to programs; "
                        "use -accel interp");
        if (write != MAP_FAILED) {
            munmap(write, size);
        }
        close(fd);
        return false;
    }
    close(fd);
    *mem = (CodeMem){.write = write, .exec = exec, .size = size};
    return true;
}

void codemem_free(CodeMem *mem)
{
    munmap(mem->write, mem->size);
    munmap(mem->exec, mem->size);
    *mem = (CodeMem){0};
}

void codemem_populate(uint8_t *start, size_t size)
{
#ifdef MADV_POPULATE_WRITE
    uintptr_t page = sysconf(_SC_PAGESIZE), from = align_down((uintptr_t)start, page);

    /* Kernels before 5.14 refuse: then each page comes by a fault of its own. */
    madvise((void *)from, align_up((uintptr_t)start + size - from, page), MADV_POPULATE_WRITE);
#endif
}

void codemem_expect(const CodeMem *mem, const uint8_t *exec, size_t size)
{
    codemem_populate(mem->write + (exec - mem->exec), size);
}

void codemem_settled(const CodeMem *mem, uint8_t *exec, size_t size)
{
    size_t page = sysconf(_SC_PAGESIZE);
    size_t from = exec - mem->exec, to = (from + size) & -page;

    from = (from + page - 1) & -page;
    if (from < to) {
        madvise(mem->write + from, to - from, MADV_DONTNEED);
    }
}
