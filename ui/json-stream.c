/*
 * JSON values out of a byte stream: see json-stream.h. A state machine over bytes (RFC 8259's
 * grammar of strings and brackets). No locking: a stream belongs to one monitor.
 */
#include "ui/json-stream.h"
#include <string.h>

typedef enum StreamState {
    STREAM_BETWEEN, /* outside of an object */
    STREAM_INSIDE,  /* in brackets */
    STREAM_STRING,  /* in a string there */
    STREAM_ESCAPE,  /* behind a backslash there */
    STREAM_SKIP,    /* until the end of the line */
} StreamState;

struct JsonStream {
    const JsonStreamOps *ops;
    void *opaque;
    StreamState state;
    char quote; /* what ends the string */
    unsigned depth;
    char closers[JSON_STREAM_DEPTH]; /* the bracket that each open one waits for */
    GString *text;
};

JsonStream *json_stream_new(const JsonStreamOps *ops, void *opaque)
{
    JsonStream *stream = g_new0(JsonStream, 1);
    stream->ops = ops;
    stream->opaque = opaque;
    stream->text = g_string_new(NULL);
    return stream;
}

void json_stream_free(JsonStream *stream)
{
    if (stream) {
        g_string_free(stream->text, true);
        g_free(stream);
    }
}

void json_stream_reset(JsonStream *stream)
{
    stream->state = STREAM_BETWEEN;
    stream->depth = 0;
    g_string_truncate(stream->text, 0);
}

/* Complains, and skips the rest of the line that @c is part of. */
static void fail(JsonStream *stream, char c, const char *why)
{
    json_stream_reset(stream);
    stream->state = c == '\n' ? STREAM_BETWEEN : STREAM_SKIP;
    stream->ops->error(stream->opaque, why);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void open_bracket(JsonStream *stream, char c)
{
    if (stream->depth == JSON_STREAM_DEPTH) {
        fail(stream, c, "too many brackets in brackets");
        return;
    }
    stream->closers[stream->depth++] = c == '{' ? '}' : ']';
    stream->state = STREAM_INSIDE;
    g_string_append_c(stream->text, c);
}

static void close_bracket(JsonStream *stream, char c)
{
    if (stream->closers[stream->depth - 1] != c) {
        fail(stream, c, "a bracket does not match");
        return;
    }
    g_string_append_c(stream->text, c);
    if (--stream->depth == 0) {
        stream->state = STREAM_BETWEEN;
        stream->ops->object(stream->opaque, stream->text->str, stream->text->len);
        g_string_truncate(stream->text, 0);
    }
}

static void take_between(JsonStream *stream, char c)
{
    if (c == '{') {
        open_bracket(stream, c);
    } else if (!is_blank(c)) {
        fail(stream, c, "it begins with something other than '{'");
    }
}

static void take_inside(JsonStream *stream, char c)
{
    if (c == '{' || c == '[') {
        open_bracket(stream, c);
    } else if (c == '}' || c == ']') {
        close_bracket(stream, c);
    } else if (c == '"' || c == '\'') {
        stream->quote = c;
        stream->state = STREAM_STRING;
        g_string_append_c(stream->text, '"');
    } else if (c == '/') { /* the parser would take comments, in which brackets do not count */
        fail(stream, c, "there is a '/' outside of a string");
    } else if ((uint8_t)c < ' ' && !is_blank(c)) {
        fail(stream, c, "there is a control character");
    } else {
        g_string_append_c(stream->text, c);
    }
}

static void take_string(JsonStream *stream, char c)
{
    if ((uint8_t)c < ' ') {
        fail(stream, c, "there is a control character in a string");
    } else if (c == stream->quote) {
        stream->state = STREAM_INSIDE;
        g_string_append_c(stream->text, '"');
    } else if (c == '"') {
        g_string_append(stream->text, "\\\"");
    } else {
        stream->state = c == '\\' ? STREAM_ESCAPE : STREAM_STRING;
        g_string_append_c(stream->text, c);
    }
}

static void take_escape(JsonStream *stream, char c)
{
    if (!strchr("\"'\\/bfnrtu", c) || !c) {
        fail(stream, c, "there is an unknown escape in a string");
        return;
    }
    if (c == '\'') { /* needs no escape in double quotes, nor may it have one */
        g_string_truncate(stream->text, stream->text->len - 1);
    }
    stream->state = STREAM_STRING;
    g_string_append_c(stream->text, c);
}

static void take(JsonStream *stream, char c)
{
    switch (stream->state) {
    case STREAM_BETWEEN: take_between(stream, c); break;
    case STREAM_INSIDE: take_inside(stream, c); break;
    case STREAM_STRING: take_string(stream, c); break;
    case STREAM_ESCAPE: take_escape(stream, c); break;
    case STREAM_SKIP: stream->state = c == '\n' ? STREAM_BETWEEN : STREAM_SKIP; break;
    }
    if (stream->text->len > JSON_STREAM_MAX) {
        fail(stream, c, "it is too long");
    }
}

void json_stream_feed(JsonStream *stream, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        take(stream, buf[i]);
    }
}
