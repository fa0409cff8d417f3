/*
 * Cuts a byte stream into JSON values: objects as they come, several in one read or one over many.
 *
 * It finds where an object ends and checks only what that takes: brackets that match, strings that
 * end, sizes within bounds. What is between the brackets is the parser's business. Strings in single
 * quotes, which QMP's clients may use, come out in double quotes. Input is hostile: memory is
 * bounded, and after something that cannot be an object the stream goes on with the next line.
 */
#ifndef AMPHI_UI_JSON_STREAM_H
#define AMPHI_UI_JSON_STREAM_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_STREAM_MAX (1u << 20) /* bytes of one object */
#define JSON_STREAM_DEPTH 64       /* of brackets in brackets */

typedef struct JsonStreamOps {
    /* One whole object; @text is terminated and valid during the call. */
    void (*object)(void *opaque, const char *text, size_t len);
    /* Something else was there; @why is a phrase. What belongs to it is skipped. */
    void (*error)(void *opaque, const char *why);
} JsonStreamOps;

typedef struct JsonStream JsonStream;

JsonStream *json_stream_new(const JsonStreamOps *ops, void *opaque);
void json_stream_free(JsonStream *stream);

/* Takes input bytes; calls the functions for what they complete. These must not call back into the
 * stream, except for json_stream_reset(). */
void json_stream_feed(JsonStream *stream, const uint8_t *buf, size_t len);

/* Forgets what is incomplete. */
void json_stream_reset(JsonStream *stream);

#endif
