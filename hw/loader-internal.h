/*
 * Between the parts of the loader: formats are told apart in image.c, ELF is in elf.c.
 */
#ifndef AMPHI_HW_LOADER_INTERNAL_H
#define AMPHI_HW_LOADER_INTERNAL_H

#include "hw/loader.h"

/* Names in messages: the option and the file. */
typedef struct ImageName {
    const char *what; /* "-kernel" */
    const char *path;
} ImageName;

/* The guest architecture and the size of RAM, which bounds what is worth unpacking. */
const LoaderArch *loader_arch(const Loader *loader);
uint64_t loader_max_size(const Loader *loader);

/* Whether there is RAM, ROM or flash at @addr. */
bool loader_is_memory(const Loader *loader, uint64_t addr);

/* Sets @error to "kernel is for ARCH, ..." and returns false. */
bool loader_wrong_arch(const Loader *loader, ImageName name, const char *arch, GError **error);

/* Adds the segments of the ELF file @data. */
bool loader_add_elf(Loader *loader, ImageName name, GBytes *data, LoadedImage *image,
                    GError **error);

/* @file unpacked if it is a gzip file or an EFI zboot image, itself (referenced) if it is a plain image.
 * NULL with @error for what is recognised and cannot be run: another architecture, other packings. */
GBytes *loader_unpack(Loader *loader, ImageName name, GBytes *file, GError **error);

/* Bytes of memory that the plain image @data takes, from its Linux header if it has one: at least its
 * length. */
uint64_t loader_image_mem_size(GBytes *data);

/* Little-endian number of @size bytes at @offset of @data; 0 if it is not all within. */
uint64_t loader_peek(GBytes *data, uint64_t offset, unsigned size);

#endif
