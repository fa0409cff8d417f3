/*
 * Images that are put into guest memory at each reset: firmware, kernel, initial RAM disk, device tree.
 *
 * Files stay open; loader_reset() reads them into guest memory, so that a reboot finds them whole whatever
 * the guest did, and no second copy of them takes up memory. (What had to be unpacked is kept.) All of it is
 * hostile input: every length and offset is checked. Used on the main thread, with the machine lock held or
 * before the machine runs.
 */
#ifndef AMPHI_HW_LOADER_H
#define AMPHI_HW_LOADER_H

#include "softmmu/machine.h"

typedef struct Loader Loader;

/* What a board's processors execute, and how image files say so. */
typedef struct LoaderArch {
    const char *name;     /* "riscv64" */
    uint16_t elf_machine; /* e_machine of ELF */
    uint16_t pe_machine;  /* Machine of a PE header */
} LoaderArch;

/* Where an image went. */
typedef struct LoadedImage {
    uint64_t entry;     /* physical address of the first instruction */
    uint64_t low, high; /* memory it takes: [low, high), with zeroed data */
    bool elf;
    uint64_t tohost, fromhost; /* symbols of an ELF file, as physical addresses; 0: none */
} LoadedImage;

Loader *loader_new(Machine *machine, const LoaderArch *arch);
void loader_free(Loader *loader);

/* Adds @data at @addr; it takes @mem_size bytes there (at least its length), the rest being zeros. Keeps
 * a reference. Fails if that is not all RAM, ROM or flash, or overlaps another image. @what names it in
 * messages: "-initrd". */
bool loader_add(Loader *loader, const char *what, uint64_t addr, GBytes *data, uint64_t mem_size,
                GError **error);

/* Adds what is in @file (whose name is @path): an ELF file at its physical addresses (@addr is then not
 * used), a Linux Image (plain, with EFI stub, in gzip, or as EFI zboot with gzip), or anything else as it
 * is, at @addr. Refuses what is recognisably for another architecture. */
bool loader_add_program(Loader *loader, const char *what, const char *path, GBytes *file,
                        uint64_t addr, LoadedImage *image, GError **error);

/* Whether [addr, addr + size) is free of images. */
bool loader_range_free(Loader *loader, uint64_t addr, uint64_t size);

/* Copies all images into guest memory. */
void loader_reset(Loader *loader);

/* Replaces the contents of the image added as @what by what @fn makes of them (a new reference), for
 * the next loader_reset(). The length stays the same. */
void loader_transform(Loader *loader, const char *what, GBytes *(*fn)(GBytes *data));

/* The contents of the file @path of option @what, at most @max bytes. NULL with @error: cannot be opened or
 * mapped, is a directory, empty, or too large. Parts of it that are added to @loader (NULL: none will be)
 * are read from the file again at each loader_reset(). */
GBytes *loader_read_file(Loader *loader, const char *what, const char *path, uint64_t max,
                         GError **error);

#endif
