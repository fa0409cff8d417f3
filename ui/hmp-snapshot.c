/*
 * Monitor commands for snapshots: savevm, loadvm, info snapshots.
 */
#include "softmmu/base/error.h"
#include "softmmu/progress.h"
#include "softmmu/snapshot.h"
#include "ui/monitor-internal.h"
#include <inttypes.h>
#include <string.h>

static void show(void *opaque, uint64_t done, uint64_t total)
{
    progress_show(opaque, done, total);
}

void hmp_savevm(Monitor *mon, char *args)
{
    GError *error = NULL;
    Progress bar;
    if (!*args) {
        monitor_puts(mon, "Error: which file? savevm FILE\n");
        return;
    }
    progress_begin(&bar, "saving");
    SnapshotProgress progress = {show, &bar};
    bool ok = snapshot_save(monitor_machine(mon), args, &progress, &error);
    progress_end(&bar);
    if (!ok) {
        monitor_error(mon, error);
    }
}

void hmp_loadvm(Monitor *mon, char *args)
{
    GError *error = NULL;
    Progress bar;
    if (!*args) {
        monitor_puts(mon, "Error: which file? loadvm FILE\n");
        return;
    }
    progress_begin(&bar, "loading");
    SnapshotProgress progress = {show, &bar};
    bool ok = snapshot_load(monitor_machine(mon), args, false, &progress, &error);
    progress_end(&bar);
    if (!ok) {
        monitor_error(mon, error);
    }
}

/*
 * Listing.
 */

static char *size_text(uint64_t bytes)
{
    return bytes >= GIB ? g_strdup_printf("%.2f GiB", (double)bytes / GIB)
                        : g_strdup_printf("%.1f MiB", (double)bytes / MIB);
}

/* "00:12:34.567" */
static char *clock_text(int64_t ns)
{
    uint64_t ms = ns / 1000000;
    return g_strdup_printf("%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%03" PRIu64, ms / 3600000,
                           ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

static void print_heading(Monitor *mon)
{
    monitor_printf(mon, "%-24s %10s  %-19s  %12s  %s\n", "FILE", "SIZE", "DATE", "VM CLOCK",
                   "MACHINE");
}

static void print_snapshot(Monitor *mon, const char *name, const SnapshotInfo *info)
{
    char *size = size_text(info->file_size), *ram = size_text(info->ram_size);
    char *clock = clock_text(info->clock);
    monitor_printf(mon, "%-24s %10s  %-19.19s  %12s  %.32s, %u CPU%s, %s%s%.64s\n", name, size,
                   info->date, clock, info->machine, info->cpus, info->cpus == 1 ? "" : "s", ram,
                   *info->name ? ", " : "", info->name);
    g_free(size);
    g_free(ram);
    g_free(clock);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The files of @directory that are snapshots. */
static void list_directory(Monitor *mon, const char *path, GDir *directory)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    unsigned found = 0;
    while ((name = g_dir_read_name(directory)) != NULL) {
        g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    for (unsigned i = 0; i < names->len; i++) {
        char *file = g_build_filename(path, names->pdata[i], NULL);
        SnapshotInfo info;
        if (snapshot_info(file, &info, NULL)) {
            if (found++ == 0) {
                print_heading(mon);
            }
            print_snapshot(mon, names->pdata[i], &info);
        }
        snapshot_info_clear(&info);
        g_free(file);
    }
    if (!found) {
        monitor_printf(mon, "There is no snapshot in '%s'.\n", path);
    }
    g_ptr_array_unref(names);
}

void hmp_info_snapshots(Monitor *mon, char *args)
{
    const char *path = *args ? args : ".";
    GDir *directory = g_dir_open(path, 0, NULL);
    if (!*args && monitor_hooks(mon)->snapshots) { /* those inside disk images */
        GString *text = g_string_new(NULL);
        monitor_hooks(mon)->snapshots(monitor_machine(mon), text);
        monitor_puts(mon, text->str);
        g_string_free(text, true);
    }
    if (directory) {
        list_directory(mon, path, directory);
        g_dir_close(directory);
        return;
    }
    GError *error = NULL;
    SnapshotInfo info;
    if (snapshot_info(path, &info, &error)) {
        print_heading(mon);
        print_snapshot(mon, path, &info);
    } else {
        g_prefix_error(&error, "'%s': ", path);
        monitor_error(mon, error);
    }
    snapshot_info_clear(&info);
}
