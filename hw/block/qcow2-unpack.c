/*
 * qcow2: compressed clusters: raw deflate streams, or zstd frames. No state, no locks.
 */
#include "hw/block/qcow2.h"
#include <zlib.h>
#include <zstd.h>

static bool inflate_cluster(const uint8_t *in, size_t len, uint8_t *out, size_t size)
{
    z_stream stream = {
        .next_in = (uint8_t *)in, .avail_in = len, .next_out = out, .avail_out = size};
    int result;

    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
        return false;
    }
    result = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    /* The cluster may be followed by others in its last sector, and that may be all that is wrong. */
    return (result == Z_STREAM_END || result == Z_BUF_ERROR) && stream.avail_out == 0;
}

static bool unzstd_cluster(const uint8_t *in, size_t len, uint8_t *out, size_t size)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    ZSTD_inBuffer input = {in, len, 0};
    ZSTD_outBuffer output = {out, size, 0};
    bool ok = ctx != NULL;

    /* A stream, since nothing says where in the last sector it ends. */
    while (ok && output.pos < output.size) {
        size_t in_before = input.pos, out_before = output.pos;

        ok = !ZSTD_isError(ZSTD_decompressStream(ctx, &output, &input)) &&
             (input.pos != in_before || output.pos != out_before);
    }
    ZSTD_freeDCtx(ctx);
    return ok;
}

bool qcow2_unpack(bool zstd, const uint8_t *in, size_t len, uint8_t *out, size_t size)
{
    return zstd ? unzstd_cluster(in, len, out, size) : inflate_cluster(in, len, out, size);
}
