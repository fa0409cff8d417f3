/*
 * Telling kernel images apart, and unpacking them: see loader.h.
 *
 * Formats: the boot image header of Linux for riscv (Documentation/arch/riscv/boot-image-header.rst) and
 * arm64 (arch/arm64/booting.rst), PE headers of EFI stubs, EFI zboot (drivers/firmware/efi/libstub),
 * the x86 boot protocol's "HdrS", gzip (RFC 1952).
 */
#include "hw/loader-internal.h"
#include "softmmu/base/error.h"
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

bool loader_wrong_arch(const Loader *loader, ImageName name, const char *arch, GError **error)
{
    const char *noun = strcmp(name.what, "-bios") ? "kernel" : "firmware";
    const char *ours = loader_arch(loader)->name;
    return error_set(error, "%s '%s': %s is for %s, but this machine is %s; give a %s %s",
                     name.what, name.path, noun, arch, ours, ours, noun);
}

/* What is recognised by its first bytes, and cannot be loaded. */
static const struct {
    uint32_t magic; /* little-endian, first 4 bytes under @mask */
    uint32_t mask;
    const char *what;
} foreign[] = {
    {0x587a37fd, 0xffffffff, "compressed with xz; unpack it first (xz -dc)"},
    {0xfd2fb528, 0xffffffff, "compressed with zstd; unpack it first (zstd -dc)"},
    {0x00685a42, 0x00ffffff, "compressed with bzip2; unpack it first (bzip2 -dc)"},
    {0x184c2102, 0xffffffff, "compressed with lz4; unpack it first (lz4 -dc)"},
    {0x184d2204, 0xffffffff, "compressed with lz4; unpack it first (lz4 -dc)"},
    {0x56190527, 0xffffffff, "a U-Boot uImage; give the Linux Image or ELF file it was made from"},
    {0xedfe0dd0, 0xffffffff, "a device tree or FIT image; give the Linux Image or ELF file"},
};

static const struct {
    uint16_t machine;
    const char *name;
} pe_machines[] = {
    {0x014c, "i386"}, {0x8664, "x86-64"},  {0xaa64, "aarch64"}, {0x01c2, "arm"},
    {0x01c4, "arm"},  {0x5064, "riscv64"}, {0x5032, "riscv32"}, {0x6264, "loongarch64"},
};

/* The architecture of a plain image that is not ELF; NULL if it does not say. */
static const char *image_arch(GBytes *data)
{
    if (loader_peek(data, 0x202, 4) == 0x53726448) { /* "HdrS" */
        return loader_peek(data, 0x236, 2) & 1 ? "x86-64" : "x86";
    }
    if (loader_peek(data, 0x38, 4) == 0x644d5241) { /* "ARM\x64" */
        return "aarch64";
    }
    if (loader_peek(data, 0x24, 4) == 0x016f2818) {
        return "arm";
    }
    uint64_t pe = loader_peek(data, 0x3c, 4);
    if (loader_peek(data, 0, 2) == 0x5a4d && loader_peek(data, pe, 4) == 0x4550) {
        uint16_t machine = loader_peek(data, pe + 4, 2);
        for (size_t i = 0; i < ARRAY_SIZE(pe_machines); i++) {
            if (pe_machines[i].machine == machine) {
                return pe_machines[i].name;
            }
        }
    }
    if (loader_peek(data, 0x38, 4) == 0x05435352) { /* "RSC\x05" */
        return "riscv64";
    }
    return NULL;
}

/* Inflates the gzip stream in @len bytes at @data, to at most @max bytes. */
static GBytes *gunzip(ImageName name, const uint8_t *data, size_t len, uint64_t max, GError **error)
{
    z_stream zs = {.next_in = (uint8_t *)data, .avail_in = len};
    if (inflateInit2(&zs, 16 + MAX_WBITS) != Z_OK) {
        error_set(error, "%s '%s': zlib does not start", name.what, name.path);
        return NULL;
    }
    GByteArray *out = g_byte_array_new();
    int status = Z_OK;
    max = MIN(max, G_MAXUINT32 / 2);
    while (status == Z_OK && out->len <= max) {
        unsigned old = out->len;
        g_byte_array_set_size(out, old + 4 * MIB);
        zs.next_out = out->data + old;
        zs.avail_out = 4 * MIB;
        status = inflate(&zs, Z_NO_FLUSH);
        g_byte_array_set_size(out, old + 4 * MIB - zs.avail_out);
    }
    inflateEnd(&zs);
    if (status == Z_STREAM_END && out->len && out->len <= max) {
        return g_byte_array_free_to_bytes(out);
    }
    if (out->len > max) {
        error_set(error, "%s '%s': unpacks to more than the guest's RAM; give more with -m",
                  name.what, name.path);
    } else {
        error_set(error, "%s '%s': damaged gzip data%s%s", name.what, name.path, zs.msg ? ": " : "",
                  zs.msg ? zs.msg : "");
    }
    g_byte_array_unref(out);
    return NULL;
}

/* EFI zboot: offset and size of the payload at 8 and 12, name of the packing at 24. */
static GBytes *unpack_zboot(Loader *loader, ImageName name, GBytes *file, GError **error)
{
    size_t len;
    const uint8_t *data = g_bytes_get_data(file, &len);
    uint64_t offset = loader_peek(file, 8, 4), size = loader_peek(file, 12, 4);
    if (len < 64 || offset > len || size > len - offset) {
        error_set(error, "%s '%s': damaged EFI zboot image", name.what, name.path);
        return NULL;
    }
    if (memcmp(data + 24, "gzip", 5)) {
        char packing[17] = {0};
        memcpy(packing, data + 24, sizeof(packing) - 1);
        for (char *c = packing; *c; c++) {
            *c = g_ascii_isalnum(*c) ? *c : '?';
        }
        error_set(error,
                  "%s '%s': EFI zboot image packed with %s; only gzip can be unpacked, give "
                  "the plain Image",
                  name.what, name.path, packing);
        return NULL;
    }
    return gunzip(name, data + offset, size, loader_max_size(loader), error);
}

GBytes *loader_unpack(Loader *loader, ImageName name, GBytes *file, GError **error)
{
    size_t len;
    const uint8_t *data = g_bytes_get_data(file, &len);
    GBytes *plain;
    if (loader_peek(file, 0, 2) == 0x8b1f) {
        plain = gunzip(name, data, len, loader_max_size(loader), error);
    } else if (loader_peek(file, 0, 2) == 0x5a4d && loader_peek(file, 4, 4) == 0x676d697a) {
        const char *arch = image_arch(file);
        if (arch && strcmp(arch, loader_arch(loader)->name)) {
            loader_wrong_arch(loader, name, arch, error);
            return NULL;
        }
        plain = unpack_zboot(loader, name, file, error);
    } else {
        plain = g_bytes_ref(file);
    }
    if (!plain) {
        return NULL;
    }
    uint32_t magic = loader_peek(plain, 0, 4);
    for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
        if ((magic & foreign[i].mask) == foreign[i].magic) {
            error_set(error, "%s '%s' is %s", name.what, name.path, foreign[i].what);
            g_bytes_unref(plain);
            return NULL;
        }
    }
    const char *arch = magic == 0x464c457f ? NULL : image_arch(plain);
    if (arch && strcmp(arch, loader_arch(loader)->name)) {
        loader_wrong_arch(loader, name, arch, error);
        g_bytes_unref(plain);
        return NULL;
    }
    return plain;
}

uint64_t loader_image_mem_size(GBytes *data)
{
    uint64_t len = g_bytes_get_size(data);
    bool linux_header =
        loader_peek(data, 0x38, 4) == 0x05435352 || loader_peek(data, 0x38, 4) == 0x644d5241;
    uint64_t image_size = linux_header ? loader_peek(data, 0x10, 8) : 0;
    return MAX(len, image_size);
}
