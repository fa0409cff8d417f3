/*
 * Memory in snapshots: chunks of pages, of which those that are all zero are left out and the rest is
 * compressed with zstd.
 *
 *   payload    32-bit number of the block (in the order of CONFIG), 32-bit number of pages,
 *              64-bit number of the first page, a bit for each page that is not zero (in whole bytes), and
 *              these pages as one zstd frame, if there are any
 *
 * Chunks are worked on by a few threads, in a ring of jobs that are given out and taken back in order: so is what they
 * write, and the first error in a file is the one that is told. Threads read their chunk themselves, and find it in
 * their processor's cache then. Memory is read and written through the block's file, if it has
 * one, which neither populates pages that the guest never touched nor faults on each page; the mapping that the guest has
 * shows the same.
 */
#include "softmmu/base/error.h"
#include "softmmu/snapshot-internal.h"
#include <errno.h>
#include <string.h>
#include <zstd.h>

#define CHUNK_PAGES 256u
#define CHUNK_SIZE (CHUNK_PAGES * RAM_PAGE_SIZE)
#define BITMAP_SIZE (CHUNK_PAGES / 8)
#define LEVEL -10 /* of compression: twice as fast as -1, for files an eighth longer */
#define MAX_THREADS 8
#define JOBS_PER_THREAD 2
#define MAX_JOBS (JOBS_PER_THREAD * MAX_THREADS)

typedef struct ChunkHeader {
    uint32_t block, pages;
    uint64_t first_page;
} ChunkHeader;

typedef enum JobError {
    JOB_OK,
    JOB_UNREAD,     /* job->failure says why */
    JOB_ALTERED,    /* the checksum does not fit */
    JOB_IMPOSSIBLE, /* pages that there are not, or data of another size */
    JOB_MEMORY,     /* reading or writing it failed: errno value in job->err */
} JobError;

/* A thread's own, made when it has something to do. */
typedef struct Worker {
    ZSTD_CCtx *compress;   /* of saving */
    ZSTD_DCtx *decompress; /* of loading */
    uint8_t *pages;        /* CHUNK_SIZE */
} Worker;

typedef struct RamJob {
    bool done;
    const RamBlock *block; /* of saving; and which pages */
    ChunkHeader chunk;
    uint8_t *payload;
    size_t capacity, len; /* of it: what there is room for, and what there is */
    uint32_t crc;
    const StateStream *stream; /* of loading, and where in it it is */
    uint64_t at;
    JobError error;
    int err;
    GError *failure;
} RamJob;

/* Jobs and who does them. */
typedef struct RamPipe {
    Machine *machine;
    void (*run)(struct RamPipe *pipe, Worker *worker, RamJob *job);
    RamLoadHow how; /* of loading */
    GThread *threads[MAX_THREADS];
    Worker workers[MAX_THREADS];
    unsigned nthreads, nstarted, njobs;
    RamJob jobs[MAX_JOBS];
    GMutex lock; /* guards the rest, and `done` of jobs */
    GCond ready, finished;
    uint64_t given, taken, collected; /* jobs, ever */
    bool ending;
} RamPipe;

static unsigned threads_wanted;

void snapshot_ram_set_threads(unsigned n)
{
    threads_wanted = n;
}

size_t snapshot_ram_section_max(void)
{
    return sizeof(ChunkHeader) + BITMAP_SIZE + ZSTD_compressBound(CHUNK_SIZE);
}

/*
 * The pipe.
 */

static gpointer work(gpointer data)
{
    RamPipe *pipe = data;
    g_mutex_lock(&pipe->lock);
    Worker *worker = &pipe->workers[pipe->nstarted++];
    for (;;) {
        while (pipe->taken == pipe->given && !pipe->ending) {
            g_cond_wait(&pipe->ready, &pipe->lock);
        }
        if (pipe->taken == pipe->given) {
            break;
        }
        RamJob *job = &pipe->jobs[pipe->taken++ % pipe->njobs];
        g_mutex_unlock(&pipe->lock);
        pipe->run(pipe, worker, job);
        g_mutex_lock(&pipe->lock);
        job->done = true;
        g_cond_signal(&pipe->finished);
    }
    g_mutex_unlock(&pipe->lock);
    return NULL;
}

static RamPipe *pipe_new(Machine *machine, void (*run)(RamPipe *, Worker *, RamJob *))
{
    RamPipe *pipe = g_new0(RamPipe, 1);
    unsigned wanted = threads_wanted ? threads_wanted : g_get_num_processors();
    wanted = CLAMP(wanted, 1, MAX_THREADS);
    pipe->machine = machine;
    pipe->run = run;
    g_mutex_init(&pipe->lock);
    g_cond_init(&pipe->ready);
    g_cond_init(&pipe->finished);
    pipe->njobs = JOBS_PER_THREAD * wanted;
    for (unsigned i = 0; wanted > 1 && i < wanted; i++) { /* one would only be waited for */
        pipe->threads[i] = g_thread_try_new("snapshot", work, pipe, NULL);
        if (!pipe->threads[i]) {
            break; /* with fewer, then, or with none: see pipe_give() */
        }
        pipe->nthreads++;
    }
    return pipe;
}

static void pipe_free(RamPipe *pipe)
{
    g_mutex_lock(&pipe->lock);
    pipe->ending = true;
    g_cond_broadcast(&pipe->ready);
    g_mutex_unlock(&pipe->lock);
    for (unsigned i = 0; i < pipe->nthreads; i++) {
        g_thread_join(pipe->threads[i]);
    }
    for (unsigned i = 0; i < MAX_THREADS; i++) {
        ZSTD_freeCCtx(pipe->workers[i].compress);
        ZSTD_freeDCtx(pipe->workers[i].decompress);
        g_free(pipe->workers[i].pages);
    }
    for (unsigned i = 0; i < pipe->njobs; i++) {
        g_clear_error(&pipe->jobs[i].failure);
        g_free(pipe->jobs[i].payload);
    }
    g_cond_clear(&pipe->ready);
    g_cond_clear(&pipe->finished);
    g_mutex_clear(&pipe->lock);
    g_free(pipe);
}

/* A job to fill in, or NULL if the oldest has to be collected first. */
static RamJob *pipe_free_job(RamPipe *pipe)
{
    return pipe->given - pipe->collected == pipe->njobs ? NULL
                                                        : &pipe->jobs[pipe->given % pipe->njobs];
}

/* Has the job done that pipe_free_job() gave. */
static void pipe_give(RamPipe *pipe)
{
    RamJob *job = &pipe->jobs[pipe->given % pipe->njobs];
    job->done = false;
    job->error = JOB_OK;
    g_mutex_lock(&pipe->lock);
    pipe->given++;
    if (pipe->nthreads) {
        g_cond_signal(&pipe->ready);
    } else {
        pipe->taken++;
        pipe->run(pipe, &pipe->workers[0], job);
        job->done = true;
    }
    g_mutex_unlock(&pipe->lock);
}

/* The oldest job that was given and not collected, when it is done; NULL: there is none. */
static RamJob *pipe_collect(RamPipe *pipe)
{
    if (pipe->collected == pipe->given) {
        return NULL;
    }
    RamJob *job = &pipe->jobs[pipe->collected++ % pipe->njobs];
    g_mutex_lock(&pipe->lock);
    while (!job->done) {
        g_cond_wait(&pipe->finished, &pipe->lock);
    }
    g_mutex_unlock(&pipe->lock);
    return job;
}

/* Makes room for a payload of @size bytes; what was in the last one is lost. */
static void make_room(RamJob *job, size_t size)
{
    if (job->capacity < size) {
        g_free(job->payload);
        job->payload = g_malloc(size);
        job->capacity = size;
    }
}

static uint8_t *worker_pages(Worker *worker)
{
    worker->pages = worker->pages ? worker->pages : g_malloc(CHUNK_SIZE);
    return worker->pages;
}

static bool report(RamJob *job, GError **error)
{
    switch (job->error) {
    case JOB_OK: return true;
    case JOB_UNREAD: g_propagate_error(error, g_steal_pointer(&job->failure)); return false;
    case JOB_ALTERED: return stream_altered(error);
    case JOB_IMPOSSIBLE: break;
    case JOB_MEMORY:
        return error_set_errno(error, job->err, "the guest's memory cannot be accessed");
    }
    return error_set(error, "it is damaged: its pages of memory are not possible");
}

/*
 * Saving.
 */

static bool is_zero(const uint8_t *page)
{
    const uint64_t *words = (const uint64_t *)page;
    uint64_t any = 0;
    for (unsigned i = 0; i < RAM_PAGE_SIZE / sizeof(*words); i += 8) {
        any = words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] | words[i + 5] |
              words[i + 6] | words[i + 7];
        if (any) {
            return false;
        }
    }
    return true;
}

/* Moves the pages that are not zero to the front, and notes them; returns their bytes. */
static size_t gather(uint8_t *pages, unsigned n, uint8_t *bitmap)
{
    size_t used = 0;
    memset(bitmap, 0, (n + 7) / 8);
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *page = pages + i * RAM_PAGE_SIZE;
        if (!is_zero(page)) {
            bitmap[i / 8] |= 1u << i % 8;
            if (used != i * RAM_PAGE_SIZE) {
                memcpy(pages + used, page, RAM_PAGE_SIZE);
            }
            used += RAM_PAGE_SIZE;
        }
    }
    return used;
}

static void save_chunk(RamPipe *pipe, Worker *worker, RamJob *job)
{
    make_room(job, snapshot_ram_section_max());
    if (!worker->compress) {
        worker->compress = ZSTD_createCCtx();
    }
    size_t size = job->chunk.pages * RAM_PAGE_SIZE, bitmap_size = (job->chunk.pages + 7) / 8;
    uint8_t *bitmap = job->payload + sizeof(job->chunk), *data = bitmap + bitmap_size;
    uint8_t *pages = worker_pages(worker);
    job->err = ram_block_read(job->block, pages, size, job->chunk.first_page << RAM_PAGE_BITS);
    if (job->err) {
        job->error = JOB_MEMORY;
        return;
    }
    size_t used = gather(pages, job->chunk.pages, bitmap), packed = 0;
    if (used) {
        packed = ZSTD_compressCCtx(worker->compress, data, ZSTD_compressBound(CHUNK_SIZE), pages,
                                   used, LEVEL);
        if (ZSTD_isError(packed)) {
            job->error = JOB_MEMORY;
            job->err = ENOMEM;
            return;
        }
    }
    memcpy(job->payload, &job->chunk, sizeof(job->chunk));
    job->len = used ? sizeof(job->chunk) + bitmap_size + packed : 0;
    job->crc = snapshot_crc(job->payload, job->len);
}

/* What saving is about. */
typedef struct RamSaver {
    RamPipe *pipe;
    StateStream *stream;
    const SnapshotProgress *progress;
    uint64_t done, total; /* bytes of memory */
} RamSaver;

static void show_progress(const SnapshotProgress *progress, uint64_t done, uint64_t total)
{
    if (progress && progress->fn) {
        progress->fn(progress->opaque, done, total);
    }
}

/* Writes the oldest job's chunk. @ok: nothing has gone wrong so far. */
static bool write_chunk(RamSaver *saver, RamJob *job, bool ok, GError **error)
{
    ok = ok && report(job, error);
    if (ok && job->len) { /* all zero: it need not be said in a file */
        ok = stream_write_section(saver->stream, SECTION_RAM, job->payload, job->len, job->crc,
                                  error);
    }
    saver->done += job->chunk.pages * RAM_PAGE_SIZE;
    show_progress(saver->progress, MIN(saver->done, saver->total), saver->total);
    return ok;
}

static bool save_block(RamSaver *saver, const RamBlock *block, uint32_t index, GError **error)
{
    RamPipe *pipe = saver->pipe;
    for (uint64_t at = 0; at < block->size; at += CHUNK_SIZE) {
        uint64_t data = ram_block_next_data(block, at);
        if (data == block->size) {
            break;
        }
        at = align_down(data, CHUNK_SIZE);
        RamJob *job = pipe_free_job(pipe);
        if (!job) {
            if (!write_chunk(saver, pipe_collect(pipe), true, error)) {
                return false;
            }
            job = pipe_free_job(pipe);
        }
        job->block = block;
        job->chunk = (ChunkHeader){index, MIN(block->size - at, CHUNK_SIZE) >> RAM_PAGE_BITS,
                                   at >> RAM_PAGE_BITS};
        pipe_give(pipe);
    }
    return true;
}

/* About the memory that has something in it, in bytes. */
static uint64_t populated(const MemoryMap *map)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < map->blocks->len; i++) {
        total += ram_block_populated(map->blocks->pdata[i]);
    }
    return total;
}

bool snapshot_ram_save(Machine *machine, StateStream *stream, const SnapshotProgress *progress,
                       GError **error)
{
    GPtrArray *blocks = machine->memory->blocks;
    RamSaver saver = {pipe_new(machine, save_chunk), stream, progress, 0,
                      populated(machine->memory)};
    RamJob *job;
    bool ok = true;
    for (unsigned i = 0; ok && i < blocks->len; i++) {
        ok = save_block(&saver, blocks->pdata[i], i, error);
    }
    while ((job = pipe_collect(saver.pipe)) != NULL) {
        ok = write_chunk(&saver, job, ok, error);
    }
    pipe_free(saver.pipe);
    return ok;
}

/*
 * Loading.
 */

struct RamLoader {
    RamPipe *pipe;
    GPtrArray *written; /* of the bitmaps of blocks' pages; NULL: memory is not changed */
    bool failed;        /* a chunk is wrong: what is behind it is of no interest */
};

/* Writes the pages of @bitmap from @data; the others are zero, or cleared at the end. */
static int write_pages(const RamBlock *block, const ChunkHeader *chunk, const uint8_t *bitmap,
                       const uint8_t *data)
{
    for (unsigned i = 0; i < chunk->pages;) {
        bool present = bitmap[i / 8] >> i % 8 & 1;
        unsigned begin = i;
        while (i < chunk->pages && (bitmap[i / 8] >> i % 8 & 1) == present) {
            i++;
        }
        size_t len = (i - begin) * RAM_PAGE_SIZE;
        if (present) {
            int err =
                ram_block_write(block, data, len, (chunk->first_page + begin) << RAM_PAGE_BITS);
            if (err) {
                return err;
            }
            data += len;
        }
    }
    return 0;
}

static unsigned count_bits(const uint8_t *bitmap, unsigned n)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) {
        count += bitmap[i / 8] >> i % 8 & 1;
    }
    return count;
}

/* The block and pages that a chunk is of; NULL if there are none such. */
static const RamBlock *find_block(const Machine *machine, const ChunkHeader *chunk)
{
    const GPtrArray *blocks = machine->memory->blocks;
    if (chunk->block >= blocks->len || chunk->pages == 0 || chunk->pages > CHUNK_PAGES) {
        return NULL;
    }
    const RamBlock *block = blocks->pdata[chunk->block];
    uint64_t pages = block->size >> RAM_PAGE_BITS;
    return chunk->first_page < pages && chunk->pages <= pages - chunk->first_page ? block : NULL;
}

static void load_chunk(RamPipe *pipe, Worker *worker, RamJob *job)
{
    ChunkHeader chunk;
    make_room(job, job->len);
    if (!job->stream->read_at(job->stream->opaque, job->at, job->payload, job->len,
                              &job->failure)) {
        job->error = JOB_UNREAD;
        return;
    }
    if (snapshot_crc(job->payload, job->len) != job->crc) {
        job->error = JOB_ALTERED;
        return;
    }
    job->error = JOB_IMPOSSIBLE;
    if (job->len < sizeof(chunk)) {
        return;
    }
    memcpy(&chunk, job->payload, sizeof(chunk));
    const RamBlock *block = find_block(pipe->machine, &chunk);
    size_t head = sizeof(chunk) + (chunk.pages + 7) / 8;
    if (!block || job->len < head) {
        return;
    }
    const uint8_t *bitmap = job->payload + sizeof(chunk);
    size_t size = count_bits(bitmap, chunk.pages) * RAM_PAGE_SIZE;
    /* All of a chunk goes to its place at once, if that is mapped: writing to the file spares page faults. To have it
     * mapped by MADV_POPULATE_WRITE takes longer than that saves: mostly it is, by the guest. */
    uint8_t *place = block->host + (chunk.first_page << RAM_PAGE_BITS);
    bool direct = pipe->how == RAM_REPLACE && size == chunk.pages * RAM_PAGE_SIZE;
    uint8_t *out = direct ? place : worker_pages(worker);
    if (!worker->decompress) {
        worker->decompress = ZSTD_createDCtx();
    }
    if (size ? ZSTD_decompressDCtx(worker->decompress, out, size, job->payload + head,
                                   job->len - head) != size
             : job->len != head) {
        return;
    }
    job->error = JOB_OK;
    if (pipe->how != RAM_CHECK && !direct) {
        job->err = write_pages(block, &chunk, bitmap, worker->pages);
        job->error = job->err ? JOB_MEMORY : JOB_OK;
    }
}

RamLoader *snapshot_ram_loader_new(Machine *machine, RamLoadHow how)
{
    RamLoader *loader = g_new0(RamLoader, 1);
    loader->pipe = pipe_new(machine, load_chunk);
    loader->pipe->how = how;
    if (how != RAM_CHECK) {
        loader->written = g_ptr_array_new_with_free_func(g_free);
        for (unsigned i = 0; i < machine->memory->blocks->len; i++) {
            const RamBlock *block = machine->memory->blocks->pdata[i];
            g_ptr_array_add(loader->written, g_malloc0((block->size >> RAM_PAGE_BITS) / 8 + 1));
        }
    }
    return loader;
}

/* Notes which pages a chunk has. */
static void note_written(RamLoader *loader, const RamJob *job)
{
    ChunkHeader chunk;
    memcpy(&chunk, job->payload, sizeof(chunk));
    const uint8_t *bitmap = job->payload + sizeof(chunk);
    uint8_t *written = loader->written->pdata[chunk.block];
    for (unsigned i = 0; i < chunk.pages; i++) {
        uint64_t page = chunk.first_page + i;
        written[page / 8] |= (bitmap[i / 8] >> i % 8 & 1) << page % 8;
    }
}

static bool collect_loaded(RamLoader *loader, GError **error)
{
    RamJob *job = pipe_collect(loader->pipe);
    loader->failed = !report(job, error);
    if (!loader->failed && loader->written) {
        note_written(loader, job);
    }
    return !loader->failed;
}

static bool is_set(const uint8_t *bitmap, uint64_t n)
{
    return bitmap[n / 8] >> n % 8 & 1;
}

/* Gives back what @block has in the pages that were not @written. Those that were keep their place, and stay
 * mapped: that is less work than to free all of them first. */
static void clear_others(const RamBlock *block, const uint8_t *written)
{
    uint64_t pages = block->size >> RAM_PAGE_BITS, page = 0;
    while (page < pages) {
        if (is_set(written, page)) {
            page++;
            continue;
        }
        uint64_t data = ram_block_next_data(block, page << RAM_PAGE_BITS);
        uint64_t begin = data >> RAM_PAGE_BITS;
        for (page = begin; page < pages && !is_set(written, page); page++) {
        }
        if (page > begin) {
            ram_block_discard(block, begin << RAM_PAGE_BITS, (page - begin) << RAM_PAGE_BITS);
        }
    }
}

bool snapshot_ram_load(RamLoader *loader, StateStream *stream, const SectionHeader *section,
                       GError **error)
{
    RamJob *job = pipe_free_job(loader->pipe);
    if (!job) {
        if (!collect_loaded(loader, error)) {
            return false;
        }
        job = pipe_free_job(loader->pipe);
    }
    job->len = section->length;
    job->crc = section->crc;
    job->stream = stream;
    if (!stream_skip_payload(stream, section, &job->at, error)) {
        return false;
    }
    pipe_give(loader->pipe);
    return true;
}

bool snapshot_ram_loader_end(RamLoader *loader, bool ok, GError **error)
{
    GError *earlier = NULL;
    while (!loader->failed && loader->pipe->collected != loader->pipe->given) {
        if (!collect_loaded(loader, &earlier)) {
            ok = false;
            g_clear_error(error);
            g_propagate_error(error, earlier);
        }
    }
    for (unsigned i = 0; ok && loader->written && i < loader->written->len; i++) {
        clear_others(loader->pipe->machine->memory->blocks->pdata[i], loader->written->pdata[i]);
    }
    g_clear_pointer(&loader->written, g_ptr_array_unref);
    pipe_free(loader->pipe);
    g_free(loader);
    return ok;
}
