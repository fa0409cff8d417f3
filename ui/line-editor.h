/*
 * A line editor for byte streams: prompt, cursor keys, history, completion.
 *
 * Why not libedit: it edits one terminal at a time through stdio files and blocks in its read loop,
 * while monitors sit on any number of sockets, ptys and multiplexer channels, and get their bytes
 * from the main loop. Tools that talk to a monitor by text see plain echo: while the cursor is at
 * the end of the line nothing but the typed characters goes out.
 */
#ifndef AMPHI_UI_LINE_EDITOR_H
#define AMPHI_UI_LINE_EDITOR_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_EDITOR_MAX 4095 /* bytes of a line; more are refused with a bell */

typedef struct LineEditor LineEditor;

typedef struct LineEditorOps {
    void (*write)(void *opaque, const char *text, size_t len);
    /* A line was entered; it is the callee's to change. No prompt is shown before it returns. */
    void (*enter)(void *opaque, char *line);
    /* Adds to @out (of allocated strings) what the last word of @line, the text up to the cursor,
     * may become. May be NULL. */
    void (*complete)(void *opaque, const char *line, GPtrArray *out);
} LineEditorOps;

LineEditor *line_editor_new(const char *prompt, const LineEditorOps *ops, void *opaque);
void line_editor_free(LineEditor *editor);

/* Handles input bytes. */
void line_editor_feed(LineEditor *editor, const uint8_t *buf, size_t len);

/* Shows prompt and line again, on a new line of the terminal. */
void line_editor_show(LineEditor *editor);

/* Drops the line being edited. */
void line_editor_reset(LineEditor *editor);

/* Lines entered before, oldest first; NULL past the end. */
const char *line_editor_history(const LineEditor *editor, unsigned n);

#endif
